"""Taking the fillets off a pocket's foot, changing it, and rounding the foot again."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from workers.cad.edit.blends import rounded, without_faces
from workers.cad.edit.body import SAME_MM, Body
from workers.cad.edit.booleans import joined
from workers.cad.edit.errors import EditError
from workers.cad.edit.rooms import room_on
from workers.cad.edit.tools import polygon_prism, prism_of
from workers.cad.part import Bend, Curve, Floats, Surface
from workers.features.plan import square_to
from workers.fixes.candidate import Box
from workers.fixes.surfaces import same_surface

UPRIGHT = 0.996
# Nearer than cutters are made to: a free-form fillet is only measured.
SAME_RADIUS_MM = 0.01
SQUARE_TO = 1e-6
ALONG = 0.9999
ENDLESS = "it is a part of a fillet that runs on around a free-form bend, and does not come off alone"


def edges_in(body: Body, box: Box, bend: Bend) -> list[int]:
    """The sharp edges, wholly in `box`, that bend one way."""
    low, high = body.edge_boxes
    inside = np.all((low >= box.low) & (high <= box.high), axis=1)
    return np.flatnonzero(inside & (body.edges.bend == bend)).tolist()


def new_edges(before: Body, after: Body, box: Box, bend: Bend) -> list[int]:
    """The sharp edges in `box` that were not there before."""
    return [edge for edge in edges_in(after, box, bend) if not _was_there(before, after, edge)]


def edges_under(before: Body, after: Body, removed: Iterable[int], box: Box) -> list[int]:
    """The concave edges that came in place of removed fillets: new ones, between what stood beside the fillets."""
    gone = set(removed)
    beside = sorted({other for face in gone for _edge, other in before.neighbours(face)} - gone)

    def stood_beside(face: int) -> bool:
        return bool(same_surface(before, after, face)[beside].any())

    made = new_edges(before, after, box, Bend.CONCAVE)
    return [edge for edge in made if all(stood_beside(int(face)) for face in after.edges.faces[edge])]


def _was_there(before: Body, after: Body, edge: int) -> bool:
    """Whether an edge, or a part of it from which it has grown, was there before."""
    middles = before.edges.middle[before.edges.bend == after.edges.bend[edge]]
    return bool(np.any(_gaps_to(after, edge, middles) < SAME_MM))


def _gaps_to(body: Body, edge: int, points: Floats) -> Floats:
    """(n,) mm from each point to an edge; to the middle of one that is neither a line nor an arc."""
    edges = body.edges
    if edges.kind[edge] == Curve.LINE:
        span = edges.end[edge] - edges.start[edge]
        along = np.clip((points - edges.start[edge]) @ span / max(float(span @ span), 1e-12), 0, 1)
        return np.asarray(np.linalg.norm(points - edges.start[edge] - along[:, None] * span, axis=1))
    if edges.kind[edge] != Curve.CIRCLE:
        return np.asarray(np.linalg.norm(points - edges.middle[edge], axis=1))
    radius, half = edges.radius[edge], edges.length[edge] / (2 * edges.radius[edge])
    outward, ahead = (edges.middle[edge] - edges.centre[edge]) / radius, edges.tangent[edge]
    offset = points - edges.centre[edge]
    angle = np.clip(np.arctan2(offset @ ahead, offset @ outward), -half, half)[:, None]
    return np.asarray(np.linalg.norm(offset - radius * (np.cos(angle) * outward + np.sin(angle) * ahead), axis=1))


def is_upright(body: Body, edge: int, direction: Floats) -> bool:
    """Whether an edge is straight and runs along `direction`."""
    edges = body.edges
    return bool(edges.kind[edge] == Curve.LINE and abs(float(edges.tangent[edge] @ direction)) > UPRIGHT)


def check_comes_off(body: Body, faces: list[int]) -> None:
    """Raises EditError if a fillet runs smoothly on into a free-form one that is to stay.

    The kernel would have to extend that: it needs minutes, and fails.
    """
    taken = set(faces)
    for face in faces:
        for edge, other in body.neighbours(face):
            runs_on = body.edges.bend[edge] == Bend.SMOOTH and other not in taken
            if runs_on and body.faces.kind[other] == Surface.FREEFORM:
                raise EditError(ENDLESS)


def without_in_turn(body: Body, feet: list[int], corners: list[int]) -> Body:
    """`body` without the fillets of a pocket: those at its foot at once, then its corners one by one.

    All at once, the kernel may redraw free-form faces far off. Where a corner does not come off alone, all do at once.
    """
    check_comes_off(body, [*feet, *corners])
    bare = without_faces(body, feet) if feet else body
    try:
        for corner in corners:
            bare = without_faces(bare, known_again(bare, body, corner))
    except EditError:
        return without_faces(body, sorted({*feet, *corners}))
    return bare


def known_again(body: Body, before: Body, face: int) -> list[int]:
    """The faces of `body` on the surface of a face of `before`, at its place."""
    low, high = before.box_of_faces([face])
    found = np.flatnonzero(same_surface(body, before, face)).tolist()
    boxes = [body.box_of_faces([other]) for other in found]
    near = [f for f, box in zip(found, boxes, strict=True) if np.all(box[0] <= high) and np.all(box[1] >= low)]
    if not near:
        raise EditError("a corner was not found again without the fillets at its foot")
    return near


def refilleted(body: Body, faces: list[int], box: Box, radius_of: Callable[[Body, int], float | None]) -> Body:
    """`body` with the fillets `faces` taken off and the edges under them rounded by `radius_of(body, edge)` mm.

    Upright edges first, so that those of the foot run on around the corners.
    """
    check_comes_off(body, faces)
    bare = without_faces(body, faces)
    edges = edges_under(body, bare, faces, box)
    radii = {edge: radius for edge in edges if (radius := radius_of(bare, edge)) is not None}
    if not radii:
        raise EditError("its neighbours do not meet in an edge where it is taken off")
    return rounded_in_turn(bare, radii)


def rounded_in_turn(body: Body, radii: dict[int, float]) -> Body:
    """`body` with edges rounded, the largest radius first; edges are found again by where they are."""
    places = {edge: body.edges.middle[edge] for edge in radii}
    for radius in sorted(set(radii.values()), reverse=True):
        wanted = [places[edge] for edge, own in radii.items() if own == radius]
        found = [edge for place in wanted for edge in edges_near(body, place)]
        if not found:
            raise EditError(f"no edge is left to round with R{radius:.3f} mm")
        body = rounded(body, sorted(set(found)), radius)
    return body


def edges_near(body: Body, place: Floats) -> list[int]:
    """The sharp concave edge that runs through `place`, found by its line, as its ends may have moved."""
    edges = body.edges
    offset = place - edges.start
    span = edges.end - edges.start
    along = np.einsum("ij,ij->i", offset, span) / np.maximum(np.einsum("ij,ij->i", span, span), 1e-12)
    foot = edges.start + np.clip(along, 0, 1)[:, None] * span
    gap = np.linalg.norm(place - foot, axis=1)
    curved = edges.kind != Curve.LINE
    gap = np.where(curved, np.linalg.norm(place - edges.middle, axis=1), gap)
    near = np.flatnonzero((gap < 1e-3) & (edges.bend == Bend.CONCAVE))
    return near.tolist()


def edges_on_line(body: Body, before: Body, edge: int) -> list[int]:
    """The sharp concave edges of `body` on the line of a straight edge of `before`, within its length."""
    tangent, middle = before.edges.tangent[edge], before.edges.middle[edge]
    offset = body.edges.middle - middle
    off = np.linalg.norm(offset - np.outer(offset @ tangent, tangent), axis=1)
    along = np.abs(body.edges.tangent @ tangent) > ALONG
    reach = np.abs(offset @ tangent) < before.edges.length[edge] / 2
    return np.flatnonzero((off < 1e-3) & along & reach & (body.edges.bend == Bend.CONCAVE)).tolist()


def raised(body: Body, floors: list[int], direction: Floats, level: float, feet: list[int], box: Box) -> Body:
    """`body` with flat `floors` raised to `level` mm along `direction`; fillets `feet` at their foot move along."""
    radius = common_radius(_radii(body, feet))
    planes = [(body.faces.axis[floor], body.faces.origin[floor]) for floor in floors]
    bare = without_faces(body, feet) if feet else body
    higher = filled_up(bare, planes, direction, level, box)
    return higher if radius is None else rounded(higher, foot_edges(higher, direction, level, box), radius)


def filled_up(body: Body, planes: list[tuple[Floats, Floats]], direction: Floats, level: float, box: Box) -> Body:
    """`body` with what stands above floors in `box` filled up to `level` mm along `direction`.

    The floors lie in `planes`, of which normals and points are given. Raises EditError if one is not found.
    """
    for normal, origin in planes:
        by = level - float(origin @ direction)
        if by <= 0:
            continue
        here = [f for f in body.planes_at(normal, origin) if _within(body, f, box)]
        if not here:
            raise EditError("the floor was not found again without its fillets")
        if all(_is_upright_wall(body, other, direction) for face in here for _edge, other in body.neighbours(face)):
            tools = [prism_of(body.faces.shapes[face], direction * by) for face in here]
        else:
            slab = _slab(box, direction, level - by, level)
            tools = [room_on(body, face, slab) for face in here]
        body = joined(body, *tools)
    return body


def _is_upright_wall(body: Body, face: int, direction: Floats) -> bool:
    """Whether a face runs along `direction`, as a floor's prism does."""
    slope = abs(float(body.faces.axis[face] @ direction))
    kind = body.faces.kind[face]
    return bool(kind == Surface.PLANE and slope < SQUARE_TO) or bool(kind == Surface.CYLINDER and slope > 1 - SQUARE_TO)


def _slab(box: Box, direction: Floats, low: float, high: float) -> Any:  # noqa: ANN401
    """The part of space between two heights along `direction` that surely holds all of `box` there."""
    across = square_to(direction).T
    middle, reach = (box.low + box.high) / 2, float(np.linalg.norm(box.high - box.low)) / 2
    if abs(float(np.abs(direction).max()) - 1) < SQUARE_TO:
        half = np.abs(across @ np.diag(box.high - box.low)).max(axis=1) / 2
    else:
        half = np.full(2, reach)
    turns = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    foot = middle + (low - float(middle @ direction)) * direction
    return polygon_prism(foot + turns @ across, direction * (high - low))


def foot_edges(body: Body, direction: Floats, level: float, box: Box) -> list[int]:
    """The sharp concave edges in `box` around a floor at `level` mm along `direction`."""
    return [
        edge
        for edge in edges_in(body, box, Bend.CONCAVE)
        if abs(float(body.edges.middle[edge] @ direction) - level) < 1e-3 and not is_upright(body, edge, direction)
    ]


def common_radius(radii: Iterable[float]) -> float | None:
    """The radius, mm, of fillets at one foot, None if there is none. Raises EditError if they differ."""
    found = sorted(radii)
    if not found:
        return None
    if found[-1] - found[0] > SAME_RADIUS_MM:
        raise EditError("the floor has fillets of several radii at its foot")
    return found[len(found) // 2]


def _radii(body: Body, fillets: list[int]) -> list[float]:
    faces = body.faces
    own = np.where(np.isin(faces.kind, (Surface.TORUS, Surface.FREEFORM)), faces.minor_radius, faces.radius)
    return [float(own[face]) for face in fillets]


def _within(body: Body, face: int, box: Box) -> bool:
    low, high = body.box_of_faces([face])
    return bool(np.all(low >= box.low) and np.all(high <= box.high))
