"""Upright internal corners: a larger radius, alone or with the pocket's others, or a floor less deep."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from workers.cad.edit.blends import rounded
from workers.cad.edit.body import SAME_MM, Body
from workers.cad.edit.errors import EditError
from workers.cad.part import Floats, Surface
from workers.fixes.candidate import ADDS, EITHER, PAST_THE_LIMIT_MM, Box, Candidate
from workers.fixes.milling.depressions import (
    common_radius,
    edges_near,
    edges_on_line,
    edges_under,
    filled_up,
    foot_edges,
    is_upright,
    known_again,
    raised,
    rounded_in_turn,
    without_in_turn,
)
from workers.fixes.milling.details import without_small
from workers.fixes.milling.rim import ends_in_rim, with_filled_corner_and_rim
from workers.fixes.milling.wedge import with_filled_corner
from workers.fixes.registry import NoEditError, one_after_the_other, recipe
from workers.fixes.situation import JsonObject, Situation, direction_of

RULE = "corner-radius"
# A radius that leaves this share of the width flat between two corners.
ROOM = 0.96
LONGER = 1.15
# Of the depth that a radius is enough for; corners of leant walls are a little longer than they are deep.
DEPTH_KEPT = 0.995
BELOW_BALLS = 1.005  # likewise
BALL_WITHIN_MM = 0.01
FLOOR_GROWN = 0.01
SAME_RADIUS_MM = 1e-3


@recipe(RULE)
def corner_radius(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Round this corner; round all that are too tight in the pocket alike; raise the floor and round them."""
    factor = situation.factor_of(RULE, "depth")
    home = situation.home_of(finding)
    if factor is None:
        raise NoEditError("the rule has no limit by the corner's depth to meet")
    needed = factor * _depth(situation, finding, factor)
    alike = _in_the_same(situation, home, finding)
    largest = max(factor * _depth(situation, other, factor) for other in alike)
    # Where one corner would leave no room for the next, it is no way out for either.
    if largest <= _room(situation, alike) * 1.0001:
        # Where an end is oblique, the fillet is longer than the edge that it rounds.
        for radius in (needed, *_stock_radius(situation, needed), needed * LONGER):
            if not _leaves_others(situation, home, [finding], radius):
                yield _rounder(situation, [finding], home, radius)
        if _is_round(finding) and not _leaves_others(situation, home, [finding], needed):
            yield _filled_up_to(situation, finding, home, needed + PAST_THE_LIMIT_MM)
    if len(alike) > 1 and largest <= _room(situation, alike) * 1.0001:
        past_balls = largest + factor * _ball(situation, home, alike) * BELOW_BALLS
        for radius in (past_balls, *_stock_radius(situation, past_balls), past_balls * LONGER):
            if not _leaves_others(situation, home, alike, radius):
                yield from _with_own_or_stock_foot(situation, alike, home, radius)
        yield from _a_little_shallower(situation, alike, home, largest, factor)
    if _end_in_rims(situation, alike) and not _leaves_others(situation, home, alike, largest):
        yield _filled_up_with_rims(situation, alike, home, largest + PAST_THE_LIMIT_MM)
    yield from one_after_the_other(_shallower(situation, alike, home, factor), without_small(situation, home))


def _ball(situation: Situation, home: JsonObject | None, corners: list[JsonObject]) -> float:
    """mm: the radius of the balls that corners end in, where the fillets at their foot are as large as they, else 0.

    A larger corner runs down past where the ball began, and is deeper by this.
    """
    feet = situation.fillets_in(home, "floor_fillet") if home is not None else []
    foot = max((fillet["size"]["radius"] for fillet in feet), default=0.0)
    return foot if foot >= min(corner["measured"]["value"] for corner in corners) - BALL_WITHIN_MM else 0.0


def _with_own_or_stock_foot(
    situation: Situation, corners: list[JsonObject], home: JsonObject | None, radius: float
) -> Iterator[Candidate]:
    """The corners rounded; the fillets at their foot as large as they are, or as those of the largest stock cutter."""
    yield _rounder(situation, corners, home, radius)
    if home is None or not situation.foot_of(home):
        return
    for smaller in situation.stock_foot_of(home):
        yield _with_stock_foot(situation, _rounder(situation, corners, home, radius), corners, home, smaller)


def _with_stock_foot(
    situation: Situation, rounder: Candidate, corners: list[JsonObject], home: JsonObject, foot: float
) -> Candidate:
    radius = rounder.figures["radius_to"]
    return replace(
        rounder,
        words=f"{rounder.words}, and make the fillets at its foot R{foot:.2f} mm",
        figures=rounder.figures | {"foot_radius_to": foot},
        make=lambda start: _with_corners(start, situation, corners, home, radius, foot),
        region=Box(*situation.body.box_of_faces(home["faces"])).grown(radius),
        sense=EITHER,
        volume_change=None,
    )


def _leaves_others(situation: Situation, home: JsonObject | None, corners: list[JsonObject], radius: float) -> bool:
    """Whether corners of other radii would remain in a pocket that has but one radius yet."""
    if home is None:
        return False
    rounds = {face for corner in corners if _is_round(corner) for face in _own_faces(situation, corner)}
    fillets = [
        f for f in situation.fillets_in(home, "concave_fillet") if len(f["faces"]) and len(f.get("between", [0, 0])) > 1
    ]
    others = [f["size"]["radius"] for f in fillets if not rounds & set(f["faces"])]
    is_mixed = len({round(f["size"]["radius"], 3) for f in fillets}) > 1
    return not is_mixed and any(abs(other - radius) > SAME_RADIUS_MM for other in others)


def _depth(situation: Situation, finding: JsonObject, factor: float) -> float:
    """mm that the corner is high."""
    if finding["measured"]["value"] > 0:
        return float(finding["limit"]["value"]) / factor
    return float(situation.body.edges.length[finding["edges"][0]])


def _in_the_same(situation: Situation, home: JsonObject | None, finding: JsonObject) -> list[JsonObject]:
    """The findings of the rule in one depression."""
    if home is None:
        return [finding]
    return [other for other in situation.findings_of(RULE) if situation.home_of(other) is home] or [finding]


def _rounder(situation: Situation, corners: list[JsonObject], home: JsonObject | None, radius: float) -> Candidate:
    body = situation.body
    box = _region(body, corners, home, radius)
    count = "the corner" if len(corners) == 1 else f"all {len(corners)} tight corners of the pocket"
    now = corners[0]["measured"]["value"]
    return Candidate(
        words=f"raise the radius of {count} from R{now:.2f} mm to R{radius:.2f} mm",
        figures={"radius_from": now, "radius_to": radius, "corners": float(len(corners))},
        make=lambda start: _with_corners(start, situation, corners, home, radius),
        region=box,
        sense=ADDS,
        volume_change=_volume(situation, corners, radius),
        clears_also=[corner["id"] for corner in corners],
    )


def _filled_up_to(situation: Situation, corner: JsonObject, home: JsonObject | None, radius: float) -> Candidate:
    """The same change made without the kernel's fillets, for a corner that has none at its foot."""
    rounder = _rounder(situation, [corner], home, radius)

    def make(start: Body) -> Body:
        rounds = _own_faces(situation, corner)
        if len(rounds) != 1 or _feet(situation, start, home, rounds, []):
            raise EditError("the corner has fillets at its foot")
        return with_filled_corner(start, rounds[0], radius)

    return replace(
        rounder,
        words=f"fill the corner up, from R{rounder.figures['radius_from']:.2f} mm to R{radius:.2f} mm",
        make=make,
    )


def _filled_up_with_rims(
    situation: Situation, corners: list[JsonObject], home: JsonObject | None, radius: float
) -> Candidate:
    """The corners filled up one after the other, each with the rounded rim that it ends in."""
    body = situation.body
    rounder = _rounder(situation, corners, home, radius)
    rounds = [face for corner in corners for face in _own_faces(situation, corner)]

    def make(start: Body) -> Body:
        for face in rounds:
            (now,) = known_again(start, body, face)
            start = with_filled_corner_and_rim(start, now, radius)
        return start

    return replace(
        rounder,
        words=f"{rounder.words}, filled up with the rounded rims in which they end",
        make=make,
        region=Box(*body.box_of_faces(rounds)).grown(2.5 * radius),
        volume_change=None,
    )


def _end_in_rims(situation: Situation, corners: list[JsonObject]) -> bool:
    rounds = [_own_faces(situation, corner) for corner in corners if _is_round(corner)]
    alone = len(rounds) == len(corners) and all(len(faces) == 1 for faces in rounds)
    return alone and all(ends_in_rim(situation.body, faces[0]) for faces in rounds)


def _region(body: Body, corners: list[JsonObject], home: JsonObject | None, radius: float) -> Box:
    boxes = [
        body.box_of_faces(c["faces"]) if c["measured"]["value"] > 0 else body.box_of_edges(c["edges"]) for c in corners
    ]
    low, high = np.min([b[0] for b in boxes], axis=0), np.max([b[1] for b in boxes], axis=0)
    grown = Box(low, high).grown(2.5 * radius)
    if home is None:
        return grown
    pocket_low, pocket_high = body.box_of_faces(home["faces"])
    return Box(np.maximum(grown.low, pocket_low - radius), np.minimum(grown.high, pocket_high + radius))


def _volume(situation: Situation, corners: list[JsonObject], radius: float) -> float | None:
    """mm3 that fill sharp corners between flat upright walls: r² (1 / tan(a/2) - (π - a) / 2) times their height."""
    if any(_is_round(corner) or not _ends_squarely(situation.body, corner) for corner in corners):
        return None
    total = 0.0
    for corner in corners:
        (edge,) = corner["edges"]
        between = np.pi - np.radians(abs(float(situation.body.edges.angle[edge])))
        total += radius**2 * (1 / np.tan(between / 2) - (np.pi - between) / 2) * situation.body.edges.length[edge]
    return float(total)


def _ends_squarely(body: Body, corner: JsonObject) -> bool:
    """Whether both ends of a sharp corner lie in edges square to it."""
    (edge,) = corner["edges"]
    beside = sorted({e for face in corner["faces"] for e in body.edges_of_face[face]} - {edge})
    ends = np.stack([body.edges.start[edge], body.edges.end[edge]])
    reach = np.stack([body.edges.start[beside], body.edges.end[beside]])
    touching = np.min(np.linalg.norm(reach[:, :, None] - ends, axis=3), axis=(0, 2)) < SAME_MM
    cosines = np.abs(body.edges.tangent[beside] @ body.edges.tangent[edge])[touching]
    return bool(np.all(cosines < 1e-6))


def _with_corners(
    start: Body,
    situation: Situation,
    corners: list[JsonObject],
    home: JsonObject | None,
    radius: float,
    foot: float | None = None,
    level: float | None = None,
) -> Body:
    """`start` with each corner rounded by `radius`, fillets at its foot taken off before and made anew after.

    They get the radius `foot`, or else their own. In between, the floor is raised to `level` mm, if that is given.
    """
    sharp = [edge for corner in corners if not _is_round(corner) for edge in corner["edges"]]
    rounds = [face for corner in corners if _is_round(corner) for face in _own_faces(situation, corner)]
    feet = _feet(situation, start, home, rounds, sharp)
    if not rounds and not feet:
        return rounded(start, sharp, radius)
    bare = without_in_turn(start, feet, rounds)
    directions = [_direction(situation, corner, home) for corner in corners]
    box = Box(*start.box_of_faces([*rounds, *feet])).grown(2 * radius)
    made = edges_under(start, bare, [*rounds, *feet], box)
    upright = [edge for edge in made if any(is_upright(bare, edge, d) for d in directions)] if rounds else []
    upright += [edge for old in sharp for edge in edges_near(bare, start.edges.middle[old])]
    if not upright:
        raise EditError("its walls do not meet in an edge where the fillet is taken off")
    if level is not None and home is not None:
        bare, upright, made = _with_higher_floor(situation, start, bare, home, upright, level)
    foot_radius = (foot if feet else None) or _foot_radius(situation, home, feet)
    radii = dict.fromkeys(upright, radius)
    if foot_radius:
        radii |= {edge: foot_radius for edge in made if edge not in radii}
    return rounded_in_turn(bare, radii)


def _with_higher_floor(
    situation: Situation, start: Body, bare: Body, home: JsonObject, upright: list[int], level: float
) -> tuple[Body, list[int], list[int]]:
    """`bare` with the floor raised, and in it the upright edges, and those of the foot."""
    direction, box = direction_of(situation, home), Box(*start.box_of_faces(home["faces"])).grown(FLOOR_GROWN)
    planes = [(start.faces.axis[floor], start.faces.origin[floor]) for floor in situation.floors_of(home)]
    higher = filled_up(bare, planes, direction, level, box)
    corners = [edge for old in upright for edge in edges_on_line(higher, bare, old)]
    return higher, sorted(set(corners)), foot_edges(higher, direction, level, box)


def _is_round(corner: JsonObject) -> bool:
    return bool(corner["measured"]["value"] > 0)


def _own_faces(situation: Situation, corner: JsonObject) -> list[int]:
    feature = situation.features[corner["features"][0]]
    return list(feature["faces"]) if feature["type"] == "concave_fillet" else list(corner["faces"])


def _feet(situation: Situation, body: Body, home: JsonObject | None, rounds: list[int], sharp: list[int]) -> list[int]:
    """The faces of all floor fillets of the depression, where one of them ends at one of the corners."""
    if home is None:
        return []
    feet = situation.foot_of(home)
    touched = {other for face in rounds for _edge, other in body.neighbours(face)}
    if touched & set(feet) or any(_touches(body, edge, face) for edge in sharp for face in feet):
        return feet
    return []


def _touches(body: Body, edge: int, face: int) -> bool:
    """Whether an edge ends at the border of a face."""
    around = body.edges_of_face[face]
    ends = np.stack([body.edges.start[edge], body.edges.end[edge]])
    reach = np.concatenate([body.edges.start[around], body.edges.end[around]])
    return bool(np.min(np.linalg.norm(reach[:, None] - ends, axis=2)) < SAME_MM)


def _foot_radius(situation: Situation, home: JsonObject | None, feet: list[int]) -> float | None:
    if home is None or not feet:
        return None
    return common_radius(f["size"]["radius"] for f in situation.fillets_in(home, "floor_fillet"))


def _direction(situation: Situation, corner: JsonObject, home: JsonObject | None) -> Floats:
    feature = situation.features[corner["features"][0]]
    if feature.get("axis") is not None and feature["type"] == "concave_fillet":
        return np.array(feature["axis"])
    if home is None or home["direction"] is None:
        raise EditError("the corner has no direction")
    return direction_of(situation, home)


def _shallower(
    situation: Situation, corners: list[JsonObject], home: JsonObject | None, factor: float
) -> Iterator[Candidate]:
    """Raise the floor until the radius that fits is enough, and round the corners with it."""
    if home is None or home["direction"] is None or not situation.floors_of(home):
        raise NoEditError("the corners run through, so there is no floor to raise, and no radius that fits is enough")
    if any(_is_round(corner) for corner in corners):
        yield from _raised(situation, corners, home, factor)
        return
    radius = ROOM * _room(situation, corners)
    if not np.isfinite(radius):
        raise NoEditError("the floor cannot be raised for a corner that is open on both sides")
    candidate = _raised_and_rounded(situation, corners, home, radius, radius / factor)
    if candidate.figures["floor_by"] <= 0:
        raise NoEditError("no radius that fits is enough, though the floor is no deeper than it needs")
    yield candidate


def _room(situation: Situation, corners: list[JsonObject]) -> float:
    """The largest radius, mm, that fits into the corners: on each wall the two fillets at its ends must not meet.

    A fillet between walls at an angle a takes R / tan(a / 2) of each of them.
    """
    body = situation.body
    takes: dict[int, list[tuple[float, float]]] = {}  # by wall: how much of it a fillet of 1 mm takes, and its length
    for corner in corners:
        if _is_round(corner):
            return float("inf")
        (edge,) = corner["edges"]
        between = np.pi - np.radians(abs(float(body.edges.angle[edge])))
        for wall in (face for face in corner["faces"] if body.faces.kind[face] == Surface.PLANE):
            across = np.cross(body.faces.axis[wall], body.edges.tangent[edge])
            low, high = body.extent([wall], across)
            takes.setdefault(wall, []).append((1 / np.tan(between / 2), high - low))
    rooms = (lengths[0][1] / sum(share for share, _ in lengths) for lengths in takes.values())
    return min(rooms, default=float("inf"))


def _stock_radius(situation: Situation, radius: float) -> list[float]:
    """The next radius of a stock bull-nose cutter, if there is one."""
    sizes = sorted(size[0] for size in situation.standard_sizes("floor-fillet-nonstandard") if len(size) == 1)
    return [size for size in sizes if size > radius][:1]


def _raised(situation: Situation, corners: list[JsonObject], home: JsonObject, factor: float) -> Iterator[Candidate]:
    """Raise the floor until the corners' own radius is enough."""
    if any(not _is_round(corner) for corner in corners):
        raise NoEditError("some corners of the pocket are sharp and others round")
    own = min(corner["measured"]["value"] for corner in corners)
    level, lowest = _level(situation, corners, home, own / factor)
    if level <= lowest:
        raise NoEditError("the corner does not end in the pocket's floor")
    body, direction = situation.body, direction_of(situation, home)
    feet, floors = situation.foot_of(home), situation.floors_of(home)
    box = Box(*body.box_of_faces(home["faces"])).grown(FLOOR_GROWN)
    words = f"raise the floor by {level - lowest:.2f} mm, so that the corners are {own / factor:.2f} mm deep"
    figures = {"floor_by": level - lowest, "depth_to": own / factor}
    alike = [corner["id"] for corner in corners]
    yield Candidate(
        words, figures, lambda start: raised(start, floors, direction, level, feet, box), box, ADDS, None, alike
    )
    for foot in (None, *situation.stock_foot_of(home)) if feet else ():
        how = "" if foot is None else f", with fillets at its foot of R{foot:.2f} mm"
        make = partial(
            _with_corners, situation=situation, corners=corners, home=home, radius=own, foot=foot, level=level
        )
        yield Candidate(words + how, figures, make, box, ADDS, None, alike)


def _a_little_shallower(
    situation: Situation, corners: list[JsonObject], home: JsonObject | None, radius: float, factor: float
) -> Iterator[Candidate]:
    """Rounded, and the floor raised by what corners that ended in balls are deeper once they are larger than these."""
    if home is None or home["direction"] is None or not (floors := situation.floors_of(home)):
        return
    if not situation.foot_of(home) or not all(_is_round(corner) for corner in corners):
        return
    level, lowest = _level(situation, corners, home, DEPTH_KEPT * radius / factor)
    if not lowest < level or len(floors) > 1:
        return
    rounder = _rounder(situation, corners, home, radius)
    for foot in (None, *situation.stock_foot_of(home)):
        how = "" if foot is None else f", and make the fillets at its foot R{foot:.2f} mm"
        yield replace(
            rounder,
            words=f"{rounder.words}, and the floor by {level - lowest:.2f} mm{how}",
            figures=rounder.figures | {"floor_by": level - lowest},
            make=partial(
                _with_corners, situation=situation, corners=corners, home=home, radius=radius, foot=foot, level=level
            ),
            region=Box(*situation.body.box_of_faces(home["faces"])).grown(FLOOR_GROWN),
            volume_change=None,
        )


def _level(situation: Situation, corners: list[JsonObject], home: JsonObject, depth: float) -> tuple[float, float]:
    """mm along the pocket's direction: where the floor has to be for corners so deep, and where its lowest is."""
    body, direction = situation.body, direction_of(situation, home)
    top = max(body.extent(corner["faces"], direction)[1] for corner in corners)
    return top - depth, min(float(body.faces.origin[floor] @ direction) for floor in situation.floors_of(home))


def _raised_and_rounded(
    situation: Situation, corners: list[JsonObject], home: JsonObject, radius: float, depth: float
) -> Candidate:
    body, direction = situation.body, direction_of(situation, home)
    floors = situation.floors_of(home)
    top = min(_top(situation, corner, direction) for corner in corners)
    level = top - depth
    lowest = min(float(body.faces.origin[floor] @ direction) for floor in floors)
    box = Box(*body.box_of_faces(home["faces"])).grown(radius)
    feet = situation.foot_of(home)

    def make(start: Body) -> Body:
        higher = raised(start, floors, direction, level, feet, box)
        if any(_is_round(corner) for corner in corners):
            raise EditError("a corner that is rounded already would have to be taken along")
        sharp = [e for c in corners for e in edges_on_line(higher, start, c["edges"][0])]
        if not sharp:
            raise EditError("the corners were not found again after the floor was raised")
        return rounded(higher, sorted(set(sharp)), radius)

    return Candidate(
        words=(
            f"raise the floor by {level - lowest:.2f} mm, so that the corners are {depth:.2f} mm deep, "
            f"and round them with R{radius:.2f} mm: no larger radius fits between the walls"
        ),
        figures={"floor_by": level - lowest, "depth_to": depth, "radius_to": radius, "corners": float(len(corners))},
        make=make,
        region=box,
        sense=ADDS,
        clears_also=[corner["id"] for corner in corners],
    )


def _top(situation: Situation, corner: JsonObject, direction: Floats) -> float:
    return (
        situation.body.extent(corner["faces"], direction)[1]
        if corner["measured"]["value"] > 0
        else float(
            max(end[corner["edges"][0]] @ direction for end in (situation.body.edges.start, situation.body.edges.end))
        )
    )
