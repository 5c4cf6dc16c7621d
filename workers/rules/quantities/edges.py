"""Quantities of outer edges."""

from workers.cad.part import Bend, Surface
from workers.features.feature import Feature
from workers.rules.measurement import Measurement
from workers.rules.quantities.registry import SQUARE, Subject, always, on_feature, quantity
from workers.rules.rule_file import Rule


@quantity("external_fillet_radius")
def external_fillet_radius(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Radius in mm of each rounded outer edge that no end mill's side can cut in passing."""
    found = []
    for fillet in subject.of_type("convex_fillet"):
        if _is_corner_patch(subject, fillet) or _is_profile(subject, fillet):
            continue
        radius = fillet.size["radius"]
        change = always(f"replace it by a chamfer of {radius:g} mm at 45°")
        measurement = on_feature(fillet, subject, radius, change)
        measurement.normal = subject.part.faces.normal[fillet.faces[0]]
        found.append(measurement)
    return found


def _is_corner_patch(subject: Subject, fillet: Feature) -> bool:
    """Where rounded edges meet: no edge of its own."""
    return bool(subject.part.faces.kind[fillet.faces[0]] == Surface.SPHERE)


def _is_profile(subject: Subject, fillet: Feature) -> bool:
    """A rounded corner of an outline: it ends at a plane square to its axis, so a cutter can walk around it.

    Its other end may run on into another fillet, as where the outline's upper edge is rounded as well.
    """
    part, face = subject.part, fillet.faces[0]
    if part.faces.kind[face] != Surface.CYLINDER or fillet.axis is None:
        return False
    sharp = [e for e in part.edges_of_face[face] if part.edges.bend[e] in (Bend.CONVEX, Bend.CONCAVE)]
    beyond = [part.other_face(edge, face) for edge in sharp]
    return bool(beyond) and all(
        part.faces.kind[f] == Surface.PLANE and abs(float(part.faces.axis[f] @ fillet.axis)) > SQUARE for f in beyond
    )
