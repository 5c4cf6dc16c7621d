"""Bores: the inner turned surfaces about the axis, with the shoulders between them and the bottom."""

from dataclasses import dataclass

from workers.cad.part import Surface
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.features.turned_profile import Profile, Ring

# A cone that narrows to less than this share of its mouth is a drill's point.
DRILL_POINT = 0.2
STAGES = (Surface.CYLINDER, Surface.CONE)


@dataclass(frozen=True)
class Cuts:
    """Numbers of the rings that are features of their own."""

    face_grooves: set[int]  # their walls look inwards, but at a core
    grooves: set[int]
    edge_breaks: set[int]


def find_bores(graph: FaceGraph, profile: Profile, cuts: Cuts) -> list[Feature]:
    """One bore for each connected inner profile; grooves and broken edges in it keep their faces."""
    found: list[Feature] = []
    done = set(cuts.face_grooves)
    for start, ring in enumerate(profile.rings):
        if start in done or not ring.looks_in:
            continue
        stack = _stack(graph, profile, start, cuts)
        done |= stack
        bore = _describe(graph, profile, sorted(stack), cuts)
        if bore is not None:
            found.append(bore)
    return found


def _stack(graph: FaceGraph, profile: Profile, start: int, cuts: Cuts) -> set[int]:
    """The inner rings connected to `start`."""
    reached, queue = {start}, [start]
    while queue:
        for other in profile.rings[queue.pop()].links:
            if other not in reached | cuts.face_grooves and _is_inside(graph, profile, other):
                reached.add(other)
                queue.append(other)
    return reached


def _is_inside(graph: FaceGraph, profile: Profile, number: int) -> bool:
    """Whether a ring looks inwards, or is a shoulder or bottom that stands within one that does."""
    ring = profile.rings[number]
    if ring.looks_in:
        return True
    rim = max(ring.links.items(), key=lambda item: item[1].radius)
    is_outermost = abs(rim[1].radius - ring.outer) < graph.tolerance
    return is_outermost and abs(ring.along) > abs(ring.outward) and profile.rings[rim[0]].looks_in


def _describe(graph: FaceGraph, profile: Profile, stack: list[int], cuts: Cuts) -> Feature | None:
    """The stack as a feature; None if it is closed at both ends or is nothing but a broken edge."""
    own = [number for number in stack if number not in cuts.grooves | cuts.edge_breaks]
    rings = [profile.rings[number] for number in own]
    bottoms = [ring for ring in rings if ring.inner < graph.tolerance]
    closed_low, closed_high = (any(side * ring.along < 0 for ring in bottoms) for side in (-1, +1))
    stages = _stages([ring for ring in rings if ring.kind in STAGES and ring.looks_in])
    if not rings or (closed_low and closed_high):
        return None
    through = not (closed_low or closed_high)
    mouth_high = closed_low or (through and bool(stages) and stages[-1].outer >= stages[0].outer)
    inwards = -1.0 if mouth_high else 1.0
    mouth = max(r.high for r in rings) if mouth_high else min(r.low for r in rings)
    end = min(r.low for r in rings) if mouth_high else max(r.high for r in rings)
    if mouth_high:
        stages.reverse()
    steps = [_step(stage, abs((stage.high if mouth_high else stage.low) - mouth)) for stage in stages]
    if not through:
        _name_undercut(steps)
    narrowest = min((ring for ring in stages if ring.kind == Surface.CYLINDER), key=lambda r: r.outer, default=None)
    axis = profile.axis
    size = {
        "diameter": 2 * (narrowest.outer if narrowest else max(ring.outer for ring in rings)),
        "depth": abs(end - mouth),
    }
    if not through:
        fillets = [profile.rings[n] for n in stack if n in cuts.edge_breaks and profile.rings[n].sign < 0]
        rounded = [max(inwards * (r.low - mouth), inwards * (r.high - mouth)) for r in fillets]
        size["relief"] = _relief(steps, size["depth"], max(rounded, default=0.0))
    outwards = -inwards * axis.direction
    return Feature(
        type="bore",
        faces=sorted(face for ring in rings for face in ring.faces),
        body=int(graph.faces.body[rings[0].faces[0]]),
        axis=axis.direction,
        direction=outwards,
        size=size,
        point=axis.origin + axis.direction * mouth,
        open_directions=[outwards, -outwards] if through else [outwards],
        steps=steps,
    )


def _stages(rings: list[Ring]) -> list[Ring]:
    """Cylinders and cones from low to high; pieces of one bore on either side of a groove are one stage."""
    stages: list[Ring] = []
    for ring in sorted(rings, key=lambda r: (round(r.low + r.high, 6), r.low, r.faces)):
        last = stages[-1] if stages else None
        if last and last.kind == ring.kind == Surface.CYLINDER and abs(last.outer - ring.outer) < 1e-3:
            last.low, last.high = min(last.low, ring.low), max(last.high, ring.high)
        else:
            stages.append(_copy(ring))
    return stages


def _copy(ring: Ring) -> Ring:
    return Ring(ring.faces, ring.kind, ring.sign, ring.low, ring.high, ring.inner, ring.outer, ring.along, ring.outward)


def _name_undercut(steps: list[dict[str, float | str]]) -> None:
    """Call the last stage of a blind bore an undercut if it is wider than the one before."""
    walls = [step for step in steps if step["form"] == "bore"]
    if len(walls) > 1 and float(walls[-1]["diameter"]) > float(walls[-2]["diameter"]) + 1e-3:
        walls[-1]["form"] = "undercut"


def _relief(steps: list[dict[str, float | str]], depth: float, rounded: float) -> float:
    """Length in mm that a blind bore goes on beyond its last wall, or beyond the fillet at the foot of it."""
    walls = [float(s["start"]) + float(s["depth"]) for s in steps if s["form"] in ("bore", "taper")]
    undercut = any(step["form"] == "undercut" for step in steps)
    return max(0.0, depth - max([*walls, 0.0 if undercut else rounded], default=depth))


def _step(stage: Ring, start: float) -> dict[str, float | str]:
    form = "bore"
    if stage.kind == Surface.CONE:
        form = "drill_point" if stage.inner < DRILL_POINT * stage.outer else "taper"
    return {"form": form, "diameter": 2 * stage.outer, "start": start, "depth": stage.high - stage.low}
