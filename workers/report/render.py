"""A view of a part as pixels: shaded, with edges where faces, depths or normals break.

Each pixel is looked at once; those beside which something else is seen, FINE x FINE times, so that edges are smooth.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from workers.cad.part import Floats, Ints
from workers.report.scene import Scene
from workers.report.views import View

Pixels = NDArray[np.float32]  # (rows, columns, 3) of 0 … 1
Numbers = NDArray[np.int32]
Singles = NDArray[np.float32]
Mask = NDArray[np.bool_]
Field = TypeVar("Field", bound=np.generic)

FINE = 2
NOTHING = -1

_INK = np.array([0.13, 0.16, 0.20], dtype=np.float32)
_SHARP_INK, _SOFT_INK = 0.88, 0.28
# From the eye: over the left shoulder, and a weaker one from the right below. With the ambient light, 1 at most.
_LIGHTS = ((np.array([-0.45, 0.60, 0.66]), 0.36), (np.array([0.70, -0.35, 0.62]), 0.16))
_AMBIENT = 0.55
_SHARP = np.cos(np.radians(20.0))


@dataclass(frozen=True)
class Shot:
    """What is seen in each pixel, and in the samples of the busy ones. A face is its number, NOTHING for none."""

    face: Numbers  # (rows, columns)
    shade: Singles  # (rows, columns) brightness
    busy: tuple[Ints, Ints]  # rows and columns of the k busy pixels
    fine_face: Numbers  # (k, FINE, FINE)
    fine_shade: Singles  # (k, FINE, FINE)
    ink: Singles  # (k, FINE, FINE) how much of an edge there is


def shoot(scene: Scene, view: View, width: int, height: int) -> Shot:
    """What `view` sees, in `height` x `width` pixels."""
    columns, rows = _centres(width), _centres(height)
    x, y = np.meshgrid(columns, rows)
    seen, away = _look(scene, view, x.ravel(), y.ravel())
    triangle, depth = seen.reshape(x.shape), away.reshape(x.shape)
    faces = np.append(scene.mesh.face, NOTHING).astype(np.int32)
    busy = _where(_busy(faces[triangle], depth, scene.diagonal))
    fine_x, fine_y = _fine(busy, width, height)
    fine_triangle, fine_depth = _look(scene, view, fine_x, fine_y)
    corners = _corner_shades(scene, view)
    ink = _ink(scene, view, (triangle, depth), busy, (fine_triangle, fine_depth))
    return Shot(
        faces[triangle],
        _shade(scene, view, corners, seen, away, x.ravel(), y.ravel()).reshape(x.shape),
        busy,
        faces[fine_triangle].reshape(-1, FINE, FINE),
        _shade(scene, view, corners, fine_triangle, fine_depth, fine_x, fine_y).reshape(-1, FINE, FINE),
        ink,
    )


def paint(shot: Shot, colours: Singles, edges: Mask | None = None, edge_colour: Singles | None = None) -> Pixels:
    """(rows, columns, 3) pixels; `colours` are (faces + 1, 3), the last that of the background.

    `edges` are the samples of busy pixels that are drawn in a colour of their own.
    """
    pixels = colours[shot.face] * shot.shade[..., None]
    ink = shot.ink[..., None]
    fine = colours[shot.fine_face] * shot.fine_shade[..., None] * (1 - ink) + _INK * ink
    if edges is not None and edge_colour is not None:
        fine[edges] = edge_colour
    pixels[shot.busy] = fine.mean(axis=(1, 2))
    return pixels


def border_between(shot: Shot, pairs: Ints, thickness: int) -> Mask:
    """(k, FINE, FINE) the samples within `thickness` of where two faces of one of the (n, 2) `pairs` meet."""
    face = _spread(shot.face, shot.busy, shot.fine_face).astype(np.int64)
    most = int(face.max()) + 2
    wanted = pairs.min(axis=1) * most + pairs.max(axis=1)
    found = np.zeros(face.shape, dtype=bool)
    for axis in (0, 1):
        first, second = _neighbours(face, axis)
        at = np.nonzero(first != second)
        key = np.minimum(first[at], second[at]) * most + np.maximum(first[at], second[at])
        between = np.zeros(first.shape, dtype=bool)
        between[at] = np.isin(key, wanted)
        _mark(found, between, axis)
    return _gathered(_dilated(found, thickness), shot.busy)


def _where(mask: Mask) -> tuple[Ints, Ints]:
    rows, columns = np.nonzero(mask)
    return rows.astype(np.int64), columns.astype(np.int64)


def _centres(count: int) -> Floats:
    """(count,) middles of samples, from -1 to 1."""
    return (np.arange(count) + 0.5) / count * 2 - 1


def _fine(busy: tuple[Ints, Ints], width: int, height: int) -> tuple[Floats, Floats]:
    """((k · FINE · FINE,) to the right, the same down) of the samples of busy pixels."""
    within = np.arange(FINE)
    rows = busy[0][:, None, None] * FINE + within[None, :, None] + np.zeros((1, 1, FINE), dtype=np.int64)
    columns = busy[1][:, None, None] * FINE + within[None, None, :] + np.zeros((1, FINE, 1), dtype=np.int64)
    return _centres(width * FINE)[columns.ravel()], _centres(height * FINE)[rows.ravel()]


def _look(scene: Scene, view: View, x: Floats, y: Floats) -> tuple[Ints, Floats]:
    """((n,) triangle, (n,) mm to it) at places in the picture, from -1 to 1 to the right and down."""
    if not len(x):
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    origins = view.centre + view.towards * scene.diagonal
    origins = origins + (x * view.half[0])[:, None] * view.right - (y * view.half[1])[:, None] * view.up
    return scene.rays.first_hit(origins, np.broadcast_to(-view.towards, origins.shape))


def _busy(face: Numbers, depth: Floats, diagonal: float) -> Mask:
    """The pixels beside which something else is seen."""
    busy = np.zeros(face.shape, dtype=bool)
    for axis in (0, 1):
        first, second = _neighbours(face, axis)
        near, far = _neighbours(depth, axis)
        _mark(busy, (first != second) | (np.abs(near - far) > diagonal * 0.02), axis)
    return _dilated(busy, 1)


def _ink(
    scene: Scene,
    view: View,
    seen: tuple[Ints, Floats],
    busy: tuple[Ints, Ints],
    fine: tuple[Ints, Floats],
) -> Singles:
    """(k, FINE, FINE) how much of an edge there is in the samples of busy pixels."""
    shape = (-1, FINE, FINE)
    triangle = _spread(seen[0], busy, fine[0].reshape(shape))
    depth = _spread(seen[1].astype(np.float32), busy, fine[1].astype(np.float32).reshape(shape))
    face = np.append(scene.mesh.face, NOTHING).astype(np.int32)[triangle]
    # Along a face that is seen at a grazing angle the depth changes by a few samples a sample.
    most = 12 * 2 * view.half[0] / triangle.shape[1]
    sharp, soft = np.zeros(face.shape, dtype=bool), np.zeros(face.shape, dtype=bool)
    for axis in (0, 1):
        first, second = _neighbours(face, axis)
        near, far = _neighbours(depth, axis)
        jump = np.abs(near - far) > most
        differs = first != second
        at = np.nonzero(differs & ~jump)
        one, other = _neighbours(triangle, axis)
        breaks = differs & jump
        breaks[at] = _breaks(scene, one[at], other[at])
        _mark(sharp, breaks, axis)
        _mark(soft, differs, axis)
    return np.where(_gathered(sharp, busy), _SHARP_INK, _gathered(soft, busy) * _SOFT_INK).astype(np.float32)


def _breaks(scene: Scene, one: Ints, other: Ints) -> Mask:
    """(n,) whether two triangles beside each other meet at an edge, by their corners that are nearest."""
    normals = scene.corner_normals
    alike = np.einsum("nij,nkj->nik", normals[one], normals[other]).max(axis=(1, 2))
    return np.asarray((alike < _SHARP) | (one < 0) | (other < 0))


def _corner_shades(scene: Scene, view: View) -> Floats:
    """(t, 3) brightness of the corners of each triangle, lit from the side that is seen."""
    normals = scene.corner_normals
    seen = np.where(scene.mesh.normals @ view.towards < 0, -1.0, 1.0)[:, None]
    shade = np.full(normals.shape[:2], _AMBIENT)
    axes = np.stack([view.right, view.up, view.towards])
    for light, strength in _LIGHTS:
        towards = (light / np.linalg.norm(light)) @ axes
        shade += strength * np.clip((normals @ towards) * seen, 0.0, 1.0)
    return shade


def _shade(scene: Scene, view: View, corners: Floats, triangle: Ints, depth: Floats, x: Floats, y: Floats) -> Singles:
    """(n,) brightness at each sample, between those of the corners of what it hits; 1 where that is nothing."""
    shade = np.ones(len(triangle), dtype=np.float32)
    hit = np.flatnonzero(triangle >= 0)
    number = triangle[hit]
    point = np.stack([x[hit] * view.half[0], -y[hit] * view.half[1], scene.diagonal - depth[hit]], axis=1)
    # All of it in the coordinates of the picture: linear in them over each triangle.
    axes = np.stack([view.right, view.up, view.towards])
    first = (scene.mesh.vertices[scene.mesh.triangles[:, 0]] - view.centre) @ axes.T
    slope = (
        scene.slopes[:, 0] * (corners[:, 1] - corners[:, 0])[:, None]
        + scene.slopes[:, 1] * (corners[:, 2] - corners[:, 0])[:, None]
    ) @ axes.T
    base = corners[:, 0] - np.einsum("ij,ij->i", first, slope)
    found = base[number] + np.einsum("ij,ij->i", point, slope[number])
    shade[hit] = np.clip(found, corners.min(axis=1)[number], corners.max(axis=1)[number])
    return shade


def _spread(coarse: NDArray[Field], busy: tuple[Ints, Ints], fine: NDArray[Field]) -> NDArray[Field]:
    """(rows · FINE, columns · FINE) all samples, those of a pixel that is not busy alike."""
    cells = np.broadcast_to(coarse[:, :, None, None], (*coarse.shape, FINE, FINE)).copy()
    cells[busy] = fine
    rows, columns = coarse.shape
    return cells.swapaxes(1, 2).reshape(rows * FINE, columns * FINE)


def _gathered(samples: NDArray[Field], busy: tuple[Ints, Ints]) -> NDArray[Field]:
    """(k, FINE, FINE) those of busy pixels."""
    rows, columns = samples.shape
    return samples.reshape(rows // FINE, FINE, columns // FINE, FINE).swapaxes(1, 2)[busy]


def _neighbours(field: NDArray[Field], axis: int) -> tuple[NDArray[Field], NDArray[Field]]:
    return (field[:-1], field[1:]) if axis == 0 else (field[:, :-1], field[:, 1:])


def _mark(mask: Mask, between: Mask, axis: int) -> None:
    """Mark both neighbours."""
    for side in _neighbours(mask, axis):
        side |= between


def _dilated(mask: Mask, times: int) -> Mask:
    for _ in range(times):
        grown = mask.copy()
        for axis in (0, 1):
            before, after = _neighbours(grown, axis)
            first, second = _neighbours(mask, axis)
            before |= second
            after |= first
        mask = grown
    return mask
