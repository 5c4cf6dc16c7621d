"""Ribs: thin walls that rise from a floor and end in a narrow flat top."""

from workers.cad.part import Bend, Surface
from workers.features.feature import Feature
from workers.features.graph import FaceGraph

SLENDER = 2.0  # a wall at least this many times as high and as long as it is thick


def find_ribs(graph: FaceGraph, concave_fillets: set[int], taken: set[int]) -> list[Feature]:
    """One rib for each narrow top between two parallel walls; the walls belong to the depressions beside it."""
    found = []
    for top in range(len(graph.faces)):
        if graph.kind[top] != Surface.PLANE or top in taken:
            continue
        pair = _walls_beside(graph, top)
        rib = _describe(graph, top, *pair, concave_fillets) if pair is not None else None
        if rib is not None:
            found.append(rib)
    return found


def _walls_beside(graph: FaceGraph, top: int) -> tuple[int, int] | None:
    """The two walls that face away from each other across the longest parallel convex edges of `top`."""
    lines = [
        (edge, other)
        for edge, other in graph.neighbours(top)
        if graph.is_line[edge] and graph.bend[edge] == Bend.CONVEX and graph.kind[other] == Surface.PLANE
    ]
    lines.sort(key=lambda line: (-round(float(graph.edges.length[line[0]]), 6), line[1]))
    for number, (_, one) in enumerate(lines):
        for _, two in lines[number + 1 :]:
            if float(graph.faces.axis[one] @ graph.faces.axis[two]) < -1 + 1e-6:
                return one, two
    return None


def _describe(graph: FaceGraph, top: int, one: int, two: int, concave_fillets: set[int]) -> Feature | None:
    faces = graph.faces
    across, up = faces.axis[one], faces.axis[top]
    thickness = float((faces.origin[one] - faces.origin[two]) @ across)
    if thickness <= 0 or not all(_stands_on_a_floor(graph, wall, top, concave_fillets) for wall in (one, two)):
        return None
    crest = graph.extent([top], up)[1]
    height = crest - max(graph.extent([wall], up)[0] for wall in (one, two))
    length = float(graph.faces.area[top]) / thickness
    if min(height, length) < SLENDER * thickness:
        return None
    return Feature(
        type="rib",
        faces=[top],
        body=int(faces.body[top]),
        axis=up,
        direction=up,
        size={"width": thickness, "height": height, "length": length},
        point=faces.point[top],
        between=sorted((one, two)),
    )


def _stands_on_a_floor(graph: FaceGraph, wall: int, top: int, concave_fillets: set[int]) -> bool:
    """Whether the wall ends, over a fillet or not, at a floor that looks the same way as the top."""
    up = graph.faces.axis[top]
    feet = {other for edge, other in graph.neighbours(wall) if graph.is_concave(edge)}
    feet |= {other for foot in feet & concave_fillets for _, other in graph.neighbours(foot)}
    return any(graph.kind[f] == Surface.PLANE and float(graph.faces.axis[f] @ up) > 0.99 for f in feet - {wall, top})
