"""Quantities of outer edges."""

from workers.cad.part import Bend
from workers.features.feature import Feature
from workers.rules.measurement import Measurement
from workers.rules.quantities.registry import Subject, always, on_feature, quantity
from workers.rules.rule_file import Rule

SAME_RADIUS = 0.01  # relative


@quantity("external_fillet_radius")
def external_fillet_radius(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Radius in mm of each rounded outer edge that no end mill's side can cut in passing.

    An edge that goes on around corners with one radius is one edge: one pass of the form cutter, one chamfer.
    """
    found = []
    for chain in _chains(subject):
        longest = max(chain, key=lambda f: (round(f.size["length"], 6), -f.faces[0]))
        radius = longest.size["radius"]
        measurement = on_feature(
            longest, subject, radius, always(f"replace it by a chamfer of {round(radius, 3):g} mm at 45°")
        )
        measurement.faces = sorted(face for fillet in chain for face in fillet.faces)
        measurement.features = chain
        measurement.normal = subject.part.faces.normal[longest.faces[0]]
        found.append(measurement)
    return found


def _chains(subject: Subject) -> list[list[Feature]]:
    """Rounded edges with the like ones that they run on into, those apart that the side of a cutter leaves."""
    part = subject.part
    fillet_of = {f.faces[0]: f for f in subject.of_type("convex_fillet") if f.direction is None}
    chains, left = [], dict(fillet_of)
    while left:
        chain, queue = [], [left.pop(min(left))]
        while queue:
            fillet = queue.pop()
            chain.append(fillet)
            face = fillet.faces[0]
            beside = {part.other_face(e, face) for e in part.edges_of_face[face] if part.edges.bend[e] == Bend.SMOOTH}
            alike = [f for f in sorted(beside & left.keys()) if _same_radius(left[f], fillet)]
            queue.extend(left.pop(f) for f in alike)
        chains.append(sorted(chain, key=lambda f: f.faces[0]))
    return chains


def _same_radius(first: Feature, second: Feature) -> bool:
    return abs(first.size["radius"] - second.size["radius"]) < SAME_RADIUS * first.size["radius"]
