"""Rounded outer edges: a chamfer instead."""

from collections.abc import Iterator

from workers.cad.edit.blends import chamfered, without_faces
from workers.cad.edit.body import Body
from workers.cad.edit.errors import EditError
from workers.cad.part import Bend
from workers.fixes.candidate import EITHER, Box, Candidate
from workers.fixes.milling.depressions import new_edges
from workers.fixes.registry import recipe
from workers.fixes.situation import JsonObject, Situation
from workers.fixes.surfaces import same_surface

SAME_RADIUS_MM = 1e-3


@recipe("edge-external-fillet")
def chamfer_instead(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Take the rounding off and break the edge with a chamfer as wide as its radius, or half as wide.

    Alone, or with the like roundings that it meets at mitred corners.
    """
    radius = finding["measured"]["value"]
    for faces in dict.fromkeys((tuple(finding["faces"]), tuple(_mitred(situation, finding["faces"], radius)))):
        box = Box(*situation.body.box_of_faces(list(faces))).grown(radius)
        for width in (radius, radius / 2):
            yield _chamfer(radius, width, list(faces), box)


def _mitred(situation: Situation, faces: list[int], radius: float) -> list[int]:
    """The roundings of one radius that hang together with `faces`."""
    alike = {
        face
        for feature in situation.features.values()
        if feature["type"] == "convex_fillet" and abs(feature["size"]["radius"] - radius) < SAME_RADIUS_MM
        for face in feature["faces"]
    }
    found, queue = set(faces), list(faces)
    while queue:
        beside = {other for _edge, other in situation.body.neighbours(queue.pop())} & alike - found
        found |= beside
        queue += sorted(beside)
    return sorted(found)


def _chamfer(radius: float, width: float, faces: list[int], box: Box) -> Candidate:
    return Candidate(
        words=f"replace the rounding of R{radius:.3f} mm by a chamfer of {width:.3f} mm at 45°",
        figures={"radius_from": radius, "chamfer_to": width},
        make=lambda start: _chamfered(start, faces, box, width),
        region=box,
        sense=EITHER,
    )


def _chamfered(start: Body, faces: list[int], box: Box, width: float) -> Body:
    sharp = without_faces(start, faces)
    smooth = {
        other
        for face in faces
        for edge, other in start.neighbours(face)
        if start.edges.bend[edge] == Bend.SMOOTH and other not in faces
    }
    edges = [edge for edge in new_edges(start, sharp, box, Bend.CONVEX) if _is_between(start, smooth, sharp, edge)]
    if not edges:
        raise EditError("its neighbours do not meet in an edge where the rounding is taken off")
    return chamfered(sharp, edges, width)


def _is_between(before: Body, faces: set[int], after: Body, edge: int) -> bool:
    """Whether an edge of `after` joins two faces that lie on surfaces of `faces` of `before`."""
    chosen = sorted(faces)
    return all(bool(same_surface(before, after, int(face))[chosen].any()) for face in after.edges.faces[edge])
