"""What makes a part easy or hard to cut: workers/machining/data/suitability.toml."""

import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

DATA = Path(__file__).parent / "data" / "suitability.toml"
Size = tuple[float, float, float]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Strict):
    """Where the weights come from."""

    title: str = Field(min_length=3)
    url: str = ""
    why: str = Field(min_length=20)


class Cutting(_Strict):
    """What weighs on milling and turning alike: factors of the score, from 0 to 1, and costs of a share."""

    preference: float = Field(ge=0, le=1)
    larger: float = Field(ge=0, le=1)
    hidden: float = Field(ge=0)
    most_hidden: float = Field(gt=0, le=1)
    thin_wall: float = Field(gt=0, description="mm")
    thin: float = Field(ge=0, le=1)
    removal: float = Field(gt=0, lt=1)
    removed: float = Field(ge=0, le=1)
    sources: list[str] = Field(min_length=1)


class Milling(Cutting):
    """Of milling."""

    machines: tuple[Size, Size] = Field(description="mm: what the common and the large machine take")
    tilted: float = Field(ge=0)
    two_sides: tuple[float, float]
    inside: float = Field(ge=0, le=1)
    setups: int = Field(ge=1)
    setup: float = Field(ge=0)
    sheet: float = Field(gt=0, description="mm")
    sheet_widths: float = Field(gt=0)
    flat: float = Field(ge=0, le=1)


class Turning(Cutting):
    """Of turning."""

    turned: float = Field(ge=0, le=1)
    swing: tuple[float, float] = Field(description="mm: what turns in the common and in the large lathe")
    length: tuple[float, float] = Field(description="mm")


class Mesh(_Strict):
    """Of a part that is known as a mesh only."""

    factor: float = Field(ge=0, le=1)
    source: str


class Weights(_Strict):
    """The whole file."""

    milling: Milling
    turning: Turning
    mesh: Mesh
    sources: dict[str, Source]


@cache
def weights() -> Weights:
    """As the file has them. Raises ValueError if it does not fit."""
    return Weights.model_validate(tomllib.loads(DATA.read_text()))
