"""How slender walls are: how high they rise from where they stand, for their thickness."""

import numpy as np

from workers.cad.part import Bend, Floats, Surface
from workers.facts.thickness import Wall
from workers.features.graph import FaceGraph
from workers.rules.measurement import Change, ChangeTo, Measurement
from workers.rules.quantities.registry import Subject, quantity
from workers.rules.rule_file import Rule

HALF = 0.5
LYING = 0.9  # cosine: a side that slopes so little is cut from above


@quantity("wall_height_to_thickness")
def wall_height_to_thickness(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Height over thickness of each wall that stands on a floor and ends free; plates and bosses are no walls."""
    graph, found = subject.graph, []
    axis = subject.main_axis
    heights = subject.part.mesh.vertices @ axis
    ends = float(heights.min()), float(heights.max())
    for wall in subject.facts.thickness.walls:
        stands = wall.exact and wall.thickness > 0 and not _lies_flat(subject, wall, axis, ends)
        stands = stands and not _is_whole_boss(subject, wall)
        height = _free_height(graph, *wall.faces) if stands else None
        if height is not None:
            features = subject.features_with(wall.faces)
            found.append(
                Measurement(
                    height / wall.thickness,
                    sorted(wall.faces),
                    wall.point,
                    wall.normal,
                    _lower_or_thicker(height, wall.thickness),
                    features,
                    details={"height": height, "thickness": wall.thickness},
                )
            )
    return found


def _is_whole_boss(subject: Subject, wall: Wall) -> bool:
    """Whether the wall is a boss from side to side, which the rule on high bosses judges by the same figure."""
    return any(
        abs(min(boss.size["length"], boss.size["width"]) - wall.thickness) < subject.graph.tolerance
        and set(wall.faces).issubset(boss.faces)
        for boss in subject.of_type("boss")
    )


def _lies_flat(subject: Subject, wall: Wall, axis: Floats, ends: tuple[float, float]) -> bool:
    """Whether the wall is a plate that lies on the table by one side while the other is cut from above.

    `ends` are the part's least and greatest coordinate along `axis`, mm.
    """
    faces, reach = subject.part.faces, subject.facts.reach
    for top, bottom in (wall.faces, wall.faces[::-1]):
        slope = float(faces.axis[top] @ axis)
        if faces.kind[top] != Surface.PLANE or abs(slope) < LYING:
            continue
        up = axis * np.sign(slope)
        from_above = int((reach.directions @ up).argmax())
        lowest = ends[0] if slope > 0 else -ends[1]
        if float(faces.point[bottom] @ up) < lowest + subject.graph.tolerance and reach.share[top, from_above] > HALF:
            return True
    return False


def _lower_or_thicker(height: float, thickness: float) -> ChangeTo:
    def change(limit: float) -> Change:
        text = (
            f"make it {height - limit * thickness:.2f} mm lower (to {limit * thickness:.2f} mm) "
            f"or {height / limit - thickness:.2f} mm thicker (to {height / limit:.2f} mm)"
        )
        return Change(text, "thickness", thickness, height / limit)

    return change


def _free_height(graph: FaceGraph, first: int, second: int) -> float | None:
    """mm from where the wall between two flat faces stands to its free end; None if it has no such foot or end.

    Where it stands on several sides, the nearest foot holds it.
    """
    if graph.kind[first] != Surface.PLANE or graph.kind[second] != Surface.PLANE or first == second:
        return None
    heights = []
    for face in (first, second):
        for edge in graph.part.edges_of_face[face]:
            if graph.is_concave(edge):
                height = _from_foot(graph, (first, second), face, edge)
                if height is not None:
                    heights.append(height)
    return min(heights, default=None)


def _from_foot(graph: FaceGraph, pair: tuple[int, int], face: int, foot: int) -> float | None:
    edges, tolerance = graph.edges, graph.tolerance
    up = np.cross(graph.faces.axis[face], edges.tangent[foot])
    up *= np.sign((graph.faces.point[face] - edges.middle[foot]) @ up)
    base = float(edges.middle[foot] @ up)
    if graph.extent([face], up)[0] < base - tolerance:  # the face goes on below: no foot, but a notch
        return None
    spans = [graph.extent([f], up) for f in pair]
    low, high = max(span[0] for span in spans), min(span[1] for span in spans)
    if high - low < tolerance or not all(_ends_free(graph, f, up) for f in pair):
        return None
    return high - low


def _ends_free(graph: FaceGraph, face: int, up: Floats) -> bool:
    """Whether nothing joins the face at its upper end but what turns away from it."""
    top = graph.extent([face], up)[1] - graph.tolerance
    at_top = [e for e in graph.part.edges_of_face[face] if float(graph.edges.middle[e] @ up) > top]
    return bool(at_top) and all(not graph.is_concave(e) and graph.bend[e] != Bend.NONE for e in at_top)
