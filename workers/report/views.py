"""From where a picture is taken, and how much of the part it shows."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from workers.cad.part import Floats
from workers.report.scene import Scene

# Off the axes and off 45°, where edges of common parts fall onto one another. (azimuth, elevation) in degrees.
_ANGLES = (
    *((azimuth, 28.0) for azimuth in (-60.0, 30.0, 120.0, 210.0, -15.0, 75.0, 165.0, 255.0)),
    *((azimuth, 62.0) for azimuth in (-60.0, 30.0, 120.0, 210.0)),
    *((azimuth, -28.0) for azimuth in (-60.0, 30.0, 120.0, 210.0, -15.0, 75.0, 165.0, 255.0)),
    *((azimuth, -62.0) for azimuth in (-60.0, 30.0, 120.0, 210.0)),
)
# A view from above is easier to read than one from below that shows a little more.
_FROM_BELOW = 0.75
# How far from straight on a finding is looked at from its own normal, so that it does not look flat.
_ASLANT = np.radians(28.0)


@dataclass(frozen=True)
class View:
    """A parallel projection."""

    towards: Floats  # (3,) unit, from the part to the eye
    right: Floats  # (3,) unit, in the picture
    up: Floats  # (3,) unit, in the picture
    centre: Floats  # (3,) in the middle of the picture
    half: tuple[float, float]  # mm from the middle to the right border, and to the upper one

    def project(self, points: Floats) -> Floats:
        """(n, 2) mm to the right of, and above the middle of the picture."""
        offset = points - self.centre
        return np.stack([offset @ self.right, offset @ self.up], axis=-1)

    def on(self, points: Floats, half_width: float, aspect: float) -> "View":
        """The same direction, with the middle of the projected `points` in the middle."""
        flat = self.project(points)
        middle = (flat.min(axis=0) + flat.max(axis=0)) / 2
        centre = self.centre + middle[0] * self.right + middle[1] * self.up
        return replace(self, centre=centre, half=(half_width, half_width / aspect))


DIRECTIONS: tuple[Floats, ...] = tuple(
    np.array([np.cos(el) * np.cos(az), np.cos(el) * np.sin(az), np.sin(el)]) for az, el in np.radians(_ANGLES)
)


def overview(scene: Scene, towards: Floats, aspect: float) -> View:
    """All of the part, seen from the side of `towards`."""
    return _of_all(_frame(towards, (scene.low + scene.high) / 2), scene.mesh.vertices, aspect, 1.06)


def upright(
    scene: Scene, up: Floats, aspect: float, *, beside: Floats | None = None, room: float = 1.06, below: bool = False
) -> View:
    """All of the part, `up` in the picture, seen from aslant above or `below`; its height `room` times over.

    The (n, 3) points `beside` it are to be seen as well.
    """
    across, along = ground(up)
    azimuth, elevation = np.radians(_ANGLES[0]) * (1.0, -1.0 if below else 1.0)
    flat = np.cos(azimuth) * across + np.sin(azimuth) * along
    view = _frame(np.cos(elevation) * flat + np.sin(elevation) * up, (scene.low + scene.high) / 2, up)
    vertices = scene.mesh.vertices
    return _of_all(view, vertices if beside is None else np.concatenate([vertices, beside]), aspect, room)


def ground(up: Floats) -> tuple[Floats, Floats]:
    """Two unit vectors (3,) that stand on the unit vector `up` and on each other: x and y where that is z."""
    first = np.eye(3)[int(np.argmin(np.round(np.abs(up), 6)))]
    across = first - up * (first @ up)
    across = across / np.linalg.norm(across)
    return across, np.cross(up, across)


def _of_all(view: View, points: Floats, aspect: float, room: float) -> View:
    flat = view.project(points)
    reach = (flat.max(axis=0) - flat.min(axis=0)) / 2
    half_width = float(max(reach[0] * 1.06, reach[1] * room * aspect, 1e-6))
    return view.on(points, half_width, aspect)


@dataclass(frozen=True)
class Samples:
    """Points that are to be seen, with the outward normals there, and how much each counts."""

    points: Floats  # (n, 3)
    normals: Floats  # (n, 3)
    weights: Floats  # (n,)

    @classmethod
    def of_faces(cls, scene: Scene, faces: list[int], most: int = 60) -> "Samples":
        """The largest triangles of some faces."""
        mesh = scene.mesh
        chosen = np.flatnonzero(np.isin(mesh.face, faces))
        chosen = chosen[np.argsort(-mesh.areas[chosen], kind="stable")[:most]]
        return cls(mesh.centroids[chosen], mesh.normals[chosen], mesh.areas[chosen])

    @classmethod
    def of_points(cls, points: Floats, normal: Floats) -> "Samples":
        """Points with one normal."""
        return cls(points, np.tile(normal, (len(points), 1)), np.ones(len(points)))

    @classmethod
    def together(cls, of: list["Samples"]) -> "Samples":
        """All of them, each counting as much as every other, however many points it has."""
        some = [samples for samples in of if len(samples.points)]
        if not some:
            return cls(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0))
        return cls(
            np.concatenate([samples.points for samples in some]),
            np.concatenate([samples.normals for samples in some]),
            np.concatenate([samples._shares for samples in some]),
        )

    @property
    def _shares(self) -> Floats:
        return np.asarray(self.weights / max(float(self.weights.sum()), 1e-12))


def best_direction(scene: Scene, samples: Samples, normal: Floats | None = None) -> tuple[Floats, float]:
    """((3,) from where most of the samples is seen, as large as it looks from there; the share of them that is).

    Besides DIRECTIONS, those aslant of `normal` are tried; of equal ones it is the first. A share of 0 is of what is
    hidden from everywhere.
    """
    if not len(samples.points):
        return DIRECTIONS[0], 1.0
    weights = samples.weights / max(float(samples.weights.sum()), 1e-12)
    candidates = [*DIRECTIONS, *_aslant(normal)]
    score, share = np.zeros(len(candidates)), np.zeros(len(candidates))
    for number, towards in enumerate(candidates):
        facing = np.clip(samples.normals @ towards, 0.0, 1.0)
        seen = are_seen(scene, samples, towards)
        share[number] = (weights * seen).sum()
        score[number] = (weights * seen * facing).sum() * (1.0 if towards[2] > 0 else _FROM_BELOW)
    best = int(np.argmax(np.round(score, 4)))
    return candidates[best], float(share[best])


def are_seen(scene: Scene, samples: Samples, towards: Floats) -> NDArray[np.bool_]:
    """(n,) whether each sample faces `towards`, and nothing is before it."""
    lifted = samples.points + samples.normals * scene.diagonal * 1e-5
    return np.asarray((samples.normals @ towards > 0.02) & scene.rays.is_free(lifted, towards))


def _frame(towards: Floats, centre: Floats, vertical: Floats | None = None) -> View:
    if vertical is None:
        vertical = np.array([0.0, 0.0, 1.0]) if abs(towards[2]) < 0.98 else np.array([0.0, 1.0, 0.0])
    right = np.cross(vertical, towards)
    right = right / np.linalg.norm(right)
    return View(towards, right, np.cross(towards, right), centre, (1.0, 1.0))


def _aslant(normal: Floats | None) -> list[Floats]:
    if normal is None or not np.linalg.norm(normal) > 0:
        return []
    sides = _frame(normal / np.linalg.norm(normal), np.zeros(3))
    turned = [side * sides.right + 0.6 * sides.up for side in (-1.0, 1.0)]
    return [np.cos(_ASLANT) * sides.towards + np.sin(_ASLANT) * side / np.linalg.norm(side) for side in turned]
