"""How each additive process builds, and on which machines: workers/rules/data/machines.toml."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

DATA = Path(__file__).parents[1] / "rules" / "data" / "machines.toml"
AdditiveProcess = Literal["fdm", "sla", "sls", "dmls"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Machine(_Strict):
    """A machine, or what a class of them usually has: the room that a part must fit into."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]+$")
    name: str
    process: AdditiveProcess
    size: tuple[float, float, float] = Field(description="mm: length and width of the plate, height")
    source: str


class Building(_Strict):
    """What a process needs of a part while it is built."""

    process: AdditiveProcess
    machine: str  # the one that is meant where none is named
    support_angle: float = Field(ge=0, le=90, description="degrees from horizontal; 0: the powder carries everything")
    least_overhang: float = Field(ge=0, description="mm that may jut out freely")
    medium: Literal["none", "resin", "powder"]  # what is left in a hollow
    least_cup: float = Field(ge=0, description="mm2: mouth of the least cup that matters; 0: none does")
    least_wall: float = Field(gt=0, description="mm, where both its ends are held")
    preference: float = Field(ge=0, le=1, description="of the process, for a part that it makes without any trouble")
    sources: list[str]


class Source(_Strict):
    """Where a figure comes from."""

    title: str = Field(min_length=3)
    url: str = ""
    why: str = ""


class Weights(_Strict):
    """What a build orientation costs, each a share of the part's own measure."""

    support_volume: float
    support_area: float
    height: float
    off_plate: float
    source: str


class Printing(_Strict):
    """The whole file."""

    machines: list[Machine]
    processes: list[Building]
    orientation: Weights
    sources: dict[str, Source]

    def building(self, process: str) -> Building:
        """What `process` needs."""
        return next(row for row in self.processes if row.process == process)

    def machines_for(self, process: str) -> list[Machine]:
        """All of a process, the one that is meant where none is named first."""
        usual = self.building(process).machine
        rows = [machine for machine in self.machines if machine.process == process]
        return sorted(rows, key=lambda machine: machine.id != usual)


@cache
def printing() -> Printing:
    """The file, read once."""
    return Printing.model_validate(tomllib.loads(DATA.read_text()))
