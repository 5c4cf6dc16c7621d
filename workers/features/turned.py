"""Features of turned parts: each turned face belongs to one; milled and drilled ones are left to the others."""

import math

from workers.cad.part import Bend, Surface
from workers.features.edge_breaks import NARROWEST_TAPER
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.features.turned_axis import TurningAxis
from workers.features.turned_bores import Cuts, find_bores
from workers.features.turned_grooves import find_grooves
from workers.features.turned_profile import Profile, Ring, profile_about

FULL_TURN = 2 * math.pi


def find_turned(graph: FaceGraph, axis: TurningAxis) -> list[Feature]:
    """Grooves, chamfers, fillets, bores, diameters, faces and forms that are turned about `axis`."""
    profile = profile_about(graph, axis)
    grooves = find_grooves(graph, profile)
    in_groove = {number for _feature, valley in grooves for number in valley.rings}
    breaks = {
        number: feature
        for number, ring in enumerate(profile.rings)
        if number not in in_groove and (feature := _edge_break(graph, profile, ring)) is not None
    }
    cuts = Cuts(
        face_grooves={n for _feature, valley in grooves if valley.form == "end_face" for n in valley.rings},
        grooves=in_groove,
        edge_breaks=set(breaks),
    )
    bores = find_bores(graph, profile, cuts)
    found = [feature for feature, _valley in grooves] + list(breaks.values()) + bores
    taken = {face for feature in found for face in feature.faces}
    return found + [_skin(graph, profile, ring) for ring in profile.rings if ring.faces[0] not in taken]


def _edge_break(graph: FaceGraph, profile: Profile, ring: Ring) -> Feature | None:
    """The ring as a fillet between two others, or as the chamfer of a turned edge; else None."""
    edges = [edge for face in ring.faces for edge, other in graph.neighbours(face) if other not in ring.faces]
    bends = [graph.bend[edge] for edge in edges]
    length = FULL_TURN * ring.outer
    meets = [link.bend for link in ring.links.values()]
    if ring.kind == Surface.TORUS and len(meets) > 1 and set(meets) == {Bend.SMOOTH}:
        kind = "concave_fillet" if ring.sign < 0 else "convex_fillet"
        size = {"radius": float(graph.faces.minor_radius[ring.faces[0]]), "length": length}
    elif ring.kind == Surface.CONE and len(bends) > 1 and set(bends) == {Bend.CONVEX}:
        kind = "chamfer"
        slope = abs(float(graph.faces.half_angle[ring.faces[0]]))
        width = float(((ring.high - ring.low) ** 2 + (ring.outer - ring.inner) ** 2) ** 0.5)
        if width >= NARROWEST_TAPER * length:
            return None
        size = {"width": width, "length": length, "angle": slope}
    else:
        return None
    return _of_ring(graph, profile, ring, kind, size)


def _skin(graph: FaceGraph, profile: Profile, ring: Ring) -> Feature:
    """A ring of the outside as a turned diameter, face or form."""
    if ring.kind == Surface.CYLINDER:
        return _of_ring(
            graph, profile, ring, "turned_diameter", {"diameter": 2 * ring.outer, "length": ring.high - ring.low}
        )
    if ring.kind == Surface.PLANE:
        return _of_ring(
            graph, profile, ring, "turned_face", {"diameter": 2 * ring.outer, "width": ring.outer - ring.inner}
        )
    size = {"diameter": 2 * ring.outer, "length": ring.high - ring.low}
    if ring.kind == Surface.CONE:
        size["angle"] = abs(float(graph.faces.half_angle[ring.faces[0]]))
    return _of_ring(graph, profile, ring, "turned_form", size)


def _of_ring(graph: FaceGraph, profile: Profile, ring: Ring, kind: str, size: dict[str, float]) -> Feature:
    largest = max(ring.faces, key=lambda face: float(graph.faces.area[face]))
    return Feature(
        type=kind,
        faces=sorted(ring.faces),
        body=int(graph.faces.body[largest]),
        axis=profile.axis.direction,
        direction=graph.faces.axis[largest] if ring.kind == Surface.PLANE else None,
        size=size,
        point=graph.faces.point[largest],
    )
