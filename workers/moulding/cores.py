"""Core pins: what forms the round holes along the pull."""

from workers.cad.part import Floats
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.moulding.round_walls import RoundWall, are_coaxial, round_walls


def find_cores(graph: FaceGraph, pull: Floats) -> list[Feature]:
    """One for each round hole along the pull, its stages together.

    `diameter` and `depth` are those of the stage, or of the hole, that makes the pin most slender; the pin of a
    through hole is held at both ends.
    """
    stages = round_walls(graph, pull, -1)
    found = []
    while stages:
        hole = [stages.pop(0)]
        hole += [stage for stage in stages if _goes_on(graph, stage, hole[0])]
        stages = [stage for stage in stages if stage not in hole]
        found.append(_core(graph, hole, pull))
    return found


def _goes_on(graph: FaceGraph, stage: RoundWall, first: RoundWall) -> bool:
    return are_coaxial(graph, stage, first)


def _core(graph: FaceGraph, hole: list[RoundWall], pull: Floats) -> Feature:
    faces = sorted(face for stage in hole for face in stage.faces)
    low, high = min(stage.low for stage in hole), max(stage.high for stage in hole)
    whole = (high - low, 2 * max(max(stage.radii) for stage in hole))
    pins = [whole, *((stage.high - stage.low, sum(stage.radii)) for stage in hole)]
    depth, diameter = max(pins, key=lambda pin: round(pin[0] / pin[1], 6))
    middle = hole[0].point + (low + high) / 2 * pull
    ways = [way for way in (pull, -pull) if graph.rays.is_free(middle[None], way)[0]]
    return Feature(
        type="through_hole" if len(ways) == 2 else "blind_hole",
        faces=faces,
        body=int(graph.faces.body[faces[0]]),
        axis=pull,
        direction=ways[0] if ways else pull,
        size={"diameter": diameter, "depth": depth},
        point=middle,
    )
