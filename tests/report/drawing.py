"""Parts to be drawn, and their reviews."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.parts import Solid
from workers.geometry import Geometry, geometry_of
from workers.report.pictures import COLOURS, Painter, Picture
from workers.report.scene import Scene, scene_of
from workers.review import review
from workers.stages import Stages


@dataclass(frozen=True)
class Drawn:
    """A part with its review, ready to be drawn."""

    path: Path
    review: dict[str, Any]
    geometry: Geometry
    scene: Scene

    @property
    def painter(self) -> Painter:
        """A new one."""
        return Painter(self.scene)

    def of_rule(self, rule: str) -> list[dict[str, Any]]:
        """The findings of a rule."""
        return [finding for finding in self.review["findings"] if finding["rule"] == rule]


def drawn(path: Path, process: str = "cnc_milling") -> Drawn:
    """The part or assembly at `path`."""
    geometry = geometry_of(path, path.name, [], Stages(lambda _stage: None))
    return Drawn(path, review(path, path.name, process, "default"), geometry, scene_of(geometry.reading))


def drawn_solid(solid: Solid, folder: Path, process: str = "cnc_milling") -> Drawn:
    """A solid, by way of a STEP file."""
    return drawn(solid.write_step(folder / "part.step"), process)


def pixels(picture: Picture) -> NDArray[np.int64]:
    """(rows, columns, 3)."""
    return np.asarray(Image.open(io.BytesIO(picture.png)), dtype=np.int64)


def coloured(picture: Picture, severity: str) -> int:
    """How many pixels have the hue of a severity, be they in the light or the shade."""
    wanted = np.array([int(COLOURS[severity][i : i + 2], 16) for i in (1, 3, 5)], dtype=float)
    seen = pixels(picture).astype(float)
    length = np.linalg.norm(seen, axis=-1)
    cosine = seen @ wanted / np.maximum(length * np.linalg.norm(wanted), 1e-9)
    return int(((cosine > 0.995) & (length > 40)).sum())
