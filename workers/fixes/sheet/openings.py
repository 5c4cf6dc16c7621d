"""Holes and slots of a sheet that are too narrow to be punched: wider ones."""

from collections.abc import Iterator

import numpy as np

from workers.cad.edit.body import Body
from workers.cad.edit.booleans import cut
from workers.cad.edit.tools import polygon_prism, turned
from workers.cad.part import Surface
from workers.fixes.candidate import PAST_THE_LIMIT_MM, REMOVES, Box, Candidate
from workers.fixes.facing import pairs_of, widened
from workers.fixes.milling.holes import other_diameter
from workers.fixes.registry import recipe
from workers.fixes.situation import JsonObject, Situation

SAME_MM = 1e-3
CLEAR_MM = 0.05

recipe("hole-size-sheet")(other_diameter)


@recipe("slot-width")
def wider_slot(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """A slot with round ends widened on both sides; of another slot or a notch one side cut back, or both by half."""
    body, now, to = situation.body, finding["change"]["from"], finding["change"]["to"]
    ends = _round_ends(body, finding["faces"], now / 2)
    if len(ends) == 2:
        yield _wider_obround(body, ends, now, to)
    else:
        yield from widened(body, pairs_of(body, finding["faces"], now, to, is_gap=True), to, "widen the slot")


def _round_ends(body: Body, faces: list[int], radius: float) -> list[int]:
    """One face of each of the hollow cylinders of a radius."""
    kinds, signs, radii = body.faces.kind, body.faces.sign, body.faces.radius
    hollow = [f for f in faces if kinds[f] == Surface.CYLINDER and signs[f] < 0 and abs(radii[f] - radius) < SAME_MM]
    places = {tuple(np.round(body.foot_of_axis(face), 3) + 0.0): face for face in hollow}
    return list(places.values())


def _wider_obround(body: Body, ends: list[int], now: float, to: float) -> Candidate:
    axis, radius = body.faces.axis[ends[0]], to / 2 + PAST_THE_LIMIT_MM
    low, high = body.extent(ends, axis)
    low, high = low - CLEAR_MM, high + CLEAR_MM
    one, two = (body.foot_of_axis(face) for face in ends)
    along = (two - one) / np.linalg.norm(two - one)
    across = np.cross(axis, along) * radius
    corners = np.array([one - across, two - across, two + across, one + across]) + low * axis
    profile = [(low, 0.0), (low, radius), (high, radius), (high, 0.0)]
    tools = [turned(one, axis, profile), turned(two, axis, profile), polygon_prism(corners, (high - low) * axis)]
    slot = Box(*body.box_of_faces(ends))
    straight = 2 * (to + 2 * PAST_THE_LIMIT_MM - now) / 2 * float(np.linalg.norm(two - one))
    change = (straight + np.pi * (radius**2 - now**2 / 4)) * (high - low - 2 * CLEAR_MM)
    return Candidate(
        words=f"widen the slot from {now:.2f} mm to {to:.2f} mm, all around",
        figures={"width_from": now, "width_to": to},
        make=lambda start: cut(start, *tools),
        region=slot.grown(radius),
        sense=REMOVES,
        volume_change=-float(change),
    )
