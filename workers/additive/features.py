"""What an additive process names on a part: its round holes and pins, thin walls and narrow gaps."""

import numpy as np

from workers.additive.rounds import BOTTOM, Round
from workers.additive.spans import Span
from workers.cad.connected import connected
from workers.cad.part import Bend, Ints, Part
from workers.facts.rays import Bools, RayScene
from workers.features.feature import Feature

EQUALLY_WIDE = 0.01


def additive_features(
    part: Part, scene: RayScene, rounds: list[Round], walls: list[Span], gaps: list[Span]
) -> list[Feature]:
    """By first face. Walls and gaps that share a face, or run smoothly into each other, are one: the narrowest.

    A wall with a foot is a `rib` and a gap with a floor a `slot`; others are `wall` and `gap`, only seen here.
    """
    holes, pins = [r for r in rounds if r.hollow], [r for r in rounds if r.is_pin]
    found = [
        _round(part, hole, "blind_hole" if blind else "through_hole", "depth")
        for hole, blind in zip(holes, _are_blind(scene, holes), strict=True)
    ]
    found += [_round(part, pin, "boss", "height") for pin in pins]
    found += [_span(part, group, "rib", "wall", "thickness", "height") for group in joined(part, walls)]
    found += [_span(part, group, "slot", "gap", "width", "depth") for group in joined(part, gaps)]
    found.sort(key=lambda f: (f.faces[0], f.type, f.faces))
    for number, feature in enumerate(found, start=1):
        feature.id = f"F{number}"
    return found


def joined(
    part: Part, spans: list[Span], meeting: Ints | None = None, within: float = EQUALLY_WIDE
) -> list[list[Span]]:
    """The spans, narrowest first, in groups that are connected by common faces or over smooth edges.

    With the faces that are `meeting` (m, 2) also over those, where the spans on both are equally wide, `within` a share
    of it: the walls of a box are one.
    """
    if not spans:
        return []
    own = sorted({face for span in spans for face in span.faces})
    smooth = part.edges.faces[(part.edges.bend == Bend.SMOOTH) & np.isin(part.edges.faces, own).all(axis=1)]
    links = np.concatenate([np.array([span.faces for span in spans]), smooth.reshape(-1, 2)])
    if meeting is not None:
        width = np.full(len(part.faces), np.nan)
        for span in reversed(spans):
            width[list(span.faces)] = span.width
        one, other = width[meeting].T
        links = np.concatenate([links, meeting[np.abs(one - other) < within * one]])
    count = len(part.faces)
    group_of = connected(count, links)
    groups: dict[int, list[Span]] = {}
    for span in spans:
        groups.setdefault(int(group_of[span.faces[0]]), []).append(span)
    return list(groups.values())


def _are_blind(scene: RayScene, holes: list[Round]) -> Bools:
    """(n,) whether something closes the hole at one end."""
    if not holes:
        return np.zeros(0, dtype=bool)
    middle, axis = np.array([hole.point for hole in holes]), np.array([hole.axis for hole in holes])
    triangle, distance = scene.first_hit(np.concatenate([middle, middle]), np.concatenate([axis, -axis]))
    far = np.array([hole.length / 2 + BOTTOM * hole.diameter for hole in holes])
    return np.asarray(((triangle >= 0) & (distance < np.tile(far, 2))).reshape(2, -1).any(axis=0))


def _round(part: Part, of: Round, kind: str, length: str) -> Feature:
    size = {"diameter": round(of.diameter, 6), length: round(of.length, 6)}
    return Feature(kind, list(of.faces), _body(part, of.faces[0]), axis=of.axis, size=size, point=of.point)


def _span(part: Part, group: list[Span], with_foot: str, without: str, across: str, along: str) -> Feature:
    least = group[0]
    faces = sorted({face for span in group for face in span.faces})
    has_foot = bool(np.isfinite(least.depth))
    size = {across: round(least.width, 6)} | ({along: round(least.depth, 6)} if has_foot else {})
    return Feature(
        with_foot if has_foot else without,
        faces,
        _body(part, faces[0]),
        direction=least.way if has_foot else None,
        size=size,
        point=least.point,
    )


def _body(part: Part, face: int) -> int:
    return int(part.faces.body[face])
