"""A blend: all that one ball leaves as it rolls along a foot and up the corners, around bends as well."""

from collections.abc import Iterator, Mapping

import numpy as np

from workers.cad.edit.blends import rounded_along, without_faces
from workers.cad.edit.body import SAME_MM, Body
from workers.cad.edit.errors import EditError
from workers.cad.part import Bend, Surface
from workers.fixes.candidate import ADDS, REMOVES, Box, Candidate
from workers.fixes.milling.depressions import edges_under
from workers.fixes.situation import PATCHES, Situation
from workers.fixes.surfaces import same_surface

FILLETS = ("floor_fillet", "concave_fillet")
SAME_RADIUS_MM = 0.01  # a free-form fillet is only measured


def blend_of(situation: Situation, faces: list[int]) -> list[int]:
    """The faces of all inner fillets of one radius that run smoothly on from `faces`, around bends and corners."""
    body = situation.body
    inner = [feature for feature in situation.features.values() if feature["type"] in FILLETS]
    radii = {face: feature["size"]["radius"] for feature in inner for face in feature["faces"]}
    found, queue = set(faces), [face for face in faces if face in radii]
    while queue:
        face = queue.pop()
        for edge, other in body.neighbours(face):
            alike = other in radii and abs(radii[other] - radii[face]) < SAME_RADIUS_MM
            if alike and other not in found and body.edges.bend[edge] == Bend.SMOOTH:
                found.add(other)
                queue.append(other)
    return sorted(found)


def is_around_bends(situation: Situation, blend: list[int]) -> bool:
    """Whether a blend has free-form bends between fillets along straight edges."""
    kinds = situation.body.faces.kind[blend]
    return bool(np.any(kinds == Surface.FREEFORM) and np.any(kinds == Surface.CYLINDER))


def with_other_radius(situation: Situation, faces: list[int], now: float, radius: float) -> Iterator[Candidate]:
    """A share of a blend around bends given another radius, mm; nothing if `faces` are part of no such blend."""
    blend = blend_of(situation, faces)
    if not is_around_bends(situation, blend):
        return
    box = Box(*situation.body.box_of_faces(blend)).grown(1.5 * max(now, radius))
    yield Candidate(
        words=f"change the fillet from R{now:.2f} mm to R{radius:.2f} mm, running out along the bends beside it",
        figures={"radius_from": now, "radius_to": radius, "faces": float(len(faces))},
        make=lambda start: reblended(start, blend, dict.fromkeys(faces, radius), now, box),
        region=box,
        sense=ADDS if radius > now else REMOVES,
    )


def reblended(body: Body, blend: list[int], radii: Mapping[int, float], now: float, box: Box) -> Body:
    """`body` with the blend taken off and made anew: some of its faces with other `radii`, mm, the others as `now`.

    In the bends beside such a face the radius runs evenly from one to the other. Raises EditError.
    """
    bare = without_faces(body, blend)
    edges = edges_under(body, bare, blend, box)
    if len(edges) != len(blend):
        raise EditError("its neighbours do not meet all along where it is taken off")
    face_of = {edge: _face_over(body, blend, bare, edge) for edge in edges}
    is_bend = {edge: body.faces.kind[face] in PATCHES for edge, face in face_of.items()}
    own = {edge: radii.get(face, now) for edge, face in face_of.items()}
    return rounded_along(
        bare,
        {
            edge: (_at_end(bare, edge, 0, own, is_bend), _at_end(bare, edge, 1, own, is_bend))
            if is_bend[edge]
            else (own[edge], own[edge])
            for edge in edges
        },
    )


def _at_end(bare: Body, bend: int, end: int, own: Mapping[int, float], is_bend: Mapping[int, bool]) -> float:
    """mm: the radius at the start (0) or the end (1) of a bend: that of the straight piece which it meets there."""
    ends = np.stack([bare.edges.start, bare.edges.end])
    place = ends[end, bend]
    others = [edge for edge in own if edge != bend and not is_bend[edge]]
    met = [edge for edge in others if np.linalg.norm(ends[:, edge] - place, axis=1).min() < SAME_MM]
    return own[met[0]] if met else own[bend]


def _face_over(body: Body, blend: list[int], bare: Body, edge: int) -> int:
    """The face of a blend that stood over an edge: the one beside the same two surfaces, the nearest if there are more.

    Raises EditError if there is none.
    """
    beside = [np.flatnonzero(same_surface(body, bare, int(face))) for face in bare.edges.faces[edge]]
    around = {face: {other for _edge, other in body.neighbours(face)} for face in blend}
    found = [face for face in blend if all(around[face] & set(surface.tolist()) for surface in beside)]
    if not found:
        raise EditError("its edges are not between the faces that it ran along")
    middles = {face: np.mean(body.box_of_faces([face]), axis=0) for face in found}
    return min(found, key=lambda face: (round(float(np.linalg.norm(middles[face] - bare.edges.middle[edge])), 4), face))
