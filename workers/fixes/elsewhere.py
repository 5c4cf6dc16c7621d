"""Whether an edit left everything outside of its region as it was."""

import numpy as np
from numpy.typing import NDArray

from workers.cad.edit.body import Body
from workers.cad.part import Curve, Floats, Surface
from workers.fixes.candidate import Box
from workers.fixes.surfaces import same_surface

WITHIN_MM = 2e-3
RELATIVE_AREA = 1e-5
Bools = NDArray[np.bool_]


def changed_elsewhere(before: Body, after: Body, region: Box) -> str | None:
    """What changed outside of `region`, or None: every face and edge that lies outside must be there, alike."""
    for one, other, what in ((before, after, "gone"), (after, before, "new")):
        faces = _unmatched(_face_rows(one), _face_rows(other), _outside(one, region))
        if any(not _only_divided(one, face, other) for face in faces):
            return f"{len(faces)} faces outside of the edit are {what} or changed"
        edges = _unmatched(_edge_rows(one), _edge_rows(other), _edges_outside(one, region))
        if any(not _divides_a_surface(one, edge) and not _lies_on_edges(one, edge, other) for edge in edges):
            return f"{len(edges)} edges outside of the edit are {what} or changed"
    return None


def _only_divided(one: Body, face: int, other: Body) -> bool:
    """Whether all that lies on the surface of a face is there alike in another solid, in other shares."""
    surfaces = [np.flatnonzero(same_surface(body, one, face)) for body in (one, other)]
    if not len(surfaces[1]):
        return False
    areas = [float(body.areas[faces].sum()) for body, faces in zip((one, other), surfaces, strict=True)]
    boxes = [np.array(body.box_of_faces(faces.tolist())) for body, faces in zip((one, other), surfaces, strict=True)]
    same_area = abs(areas[0] - areas[1]) < max(areas[0] * RELATIVE_AREA, WITHIN_MM)
    return bool(same_area and np.all(np.abs(boxes[0] - boxes[1]) < WITHIN_MM))


def _divides_a_surface(body: Body, edge: int) -> bool:
    """Whether both faces at an edge lie on one surface: a division, that says nothing of the shape."""
    left, right = map(int, body.edges.faces[edge])
    return left == right or (min(left, right) >= 0 and bool(same_surface(body, body, left)[right]))


def face_boxes(body: Body) -> tuple[Floats, Floats]:
    """((n, 3), (n, 3)) corners of the boxes around each face's border."""
    boxes = [body.box_of_faces([face]) if body.edges_of_face[face] else _nowhere() for face in range(len(body.areas))]
    return np.array([low for low, _ in boxes]), np.array([high for _, high in boxes])


def _nowhere() -> tuple[Floats, Floats]:
    return np.zeros(3), np.zeros(3)


def _face_rows(body: Body) -> Floats:
    """(n, k) numbers by which a face is known again; lengths in units of what they may be off."""
    low, high = face_boxes(body)
    areas = body.areas
    scale = np.maximum(areas * RELATIVE_AREA, WITHIN_MM)
    # A torus that meets itself is written as a free-form surface.
    kind = np.where(body.faces.kind == Surface.TORUS, Surface.FREEFORM, body.faces.kind)
    return np.column_stack([low / WITHIN_MM, high / WITHIN_MM, areas / scale, kind * 1e3])


def _edge_rows(body: Body) -> Floats:
    """(m, k): the box around an edge's ends and its middle, and its length."""
    edges = body.edges
    ends = np.stack([edges.start, edges.end])
    closed = np.linalg.norm(edges.start - edges.end, axis=1) < WITHIN_MM
    # A closed edge may begin anywhere: its centre stands for it.
    low = np.where(closed[:, None], edges.centre, ends.min(axis=0))
    high = np.where(closed[:, None], edges.centre, ends.max(axis=0))
    middle = np.where(closed[:, None], edges.centre, edges.middle)
    return np.column_stack([np.column_stack([low, high, middle]) / WITHIN_MM, edges.length / WITHIN_MM])


def _lies_on_edges(body: Body, edge: int, other: Body) -> bool:
    """Whether an edge lies on others, that were only divided or joined otherwise."""
    points = (body.edges.start[edge], body.edges.middle[edge], body.edges.end[edge])
    off = [point for point in points if _gap_to_edges(other, point) >= WITHIN_MM]
    return all(other.gap_to_curves(point) < WITHIN_MM for point in off)


def _gap_to_edges(body: Body, point: Floats) -> float:
    """mm to the nearest line or arc."""
    edges = body.edges
    offset, span = point - edges.start, edges.end - edges.start
    along = np.einsum("ij,ij->i", offset, span) / np.maximum(np.einsum("ij,ij->i", span, span), 1e-12)
    on_line = np.linalg.norm(offset - np.clip(along, 0, 1)[:, None] * span, axis=1)
    gaps = np.where(edges.kind == Curve.LINE, on_line, np.inf)
    arcs = np.flatnonzero((edges.kind == Curve.CIRCLE) & (edges.radius > 0))
    from_centre = point - edges.centre[arcs]
    outward, ahead = (edges.middle[arcs] - edges.centre[arcs]) / edges.radius[arcs][:, None], edges.tangent[arcs]
    across, over = np.einsum("ij,ij->i", from_centre, outward), np.einsum("ij,ij->i", from_centre, ahead)
    half = edges.length[arcs] / (2 * edges.radius[arcs])
    angle = np.clip(np.arctan2(over, across), -half, half)
    on_arc = edges.radius[arcs][:, None] * (np.cos(angle)[:, None] * outward + np.sin(angle)[:, None] * ahead)
    gaps[arcs] = np.linalg.norm(from_centre - on_arc, axis=1)
    return float(gaps.min(initial=np.inf))


def _outside(body: Body, region: Box) -> Bools:
    low, high = face_boxes(body)
    return np.asarray(np.any((high < region.low) | (low > region.high), axis=1))


def _edges_outside(body: Body, region: Box) -> Bools:
    low, high = body.edge_boxes
    real = body.edges.length > WITHIN_MM
    return np.asarray(real & np.any((high < region.low) | (low > region.high), axis=1))


def _unmatched(rows: Floats, others: Floats, asked: Bools) -> list[int]:
    """The asked rows that are within 1 of none of the others in every column."""
    left = []
    order = np.argsort(others[:, 0], kind="stable")
    sorted_others = others[order]
    for number in np.flatnonzero(asked).tolist():
        first, last = np.searchsorted(sorted_others[:, 0], [rows[number, 0] - 1, rows[number, 0] + 1])
        near = np.abs(sorted_others[first:last] - rows[number]) <= 1
        if not np.any(np.all(near, axis=1)):
            left.append(number)
    return left
