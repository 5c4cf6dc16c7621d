"""Countersinks of a sheet that are too deep: a smaller head."""

from collections.abc import Iterator

import numpy as np

from workers.cad.edit.body import Body
from workers.cad.edit.booleans import cut, joined
from workers.cad.edit.tools import turned
from workers.cad.part import Surface
from workers.fixes.candidate import ADDS, PAST_THE_LIMIT_MM, Box, Candidate
from workers.fixes.registry import NoEditError, recipe
from workers.fixes.situation import JsonObject, Situation

CLEAR_MM = 0.05


@recipe("countersink-sheet")
def shallower(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """The sink filled up and cut again with the same angle, less deep; the bore stays."""
    body, size = situation.body, situation.features[finding["features"][0]]["size"]
    cones = [face for face in finding["faces"] if body.faces.kind[face] == Surface.CONE]
    if len(cones) != 1:
        raise NoEditError("the countersink is not one cone")
    axis, at = body.faces.axis[cones[0]], body.foot_of_axis(cones[0])
    heights = {round(float(body.edges.middle[edge] @ axis), 6): edge for edge, _other in body.neighbours(cones[0])}
    if len(heights) != 2:
        raise NoEditError("the countersink does not end square to its axis")
    rims = {height: float(np.linalg.norm(np.cross(body.edges.start[e] - at, axis))) for height, e in heights.items()}
    (inner, bore), (skin, head) = sorted(rims.items(), key=lambda rim: rim[1])
    now, to = finding["change"]["from"], finding["change"]["to"] - PAST_THE_LIMIT_MM
    share = to / now
    new_inner, new_head = skin + (inner - skin) * share, bore + (head - bore) * share
    wide, past = head + CLEAR_MM, np.sign(skin - inner) * CLEAR_MM
    plug = turned(at, axis, [(inner, 0.0), (inner, wide), (skin, wide), (skin, 0.0)])
    flare = (new_head - bore) / abs(skin - new_inner) * CLEAR_MM
    low, high = inner - past, skin + past
    sink = turned(at, axis, [(low, 0.0), (low, bore), (new_inner, bore), (high, new_head + flare), (high, 0.0)])

    def make(start: Body) -> Body:
        return cut(joined(start, plug), sink)

    cone = np.pi / 3 * (bore**2 + bore * head + head**2) * abs(skin - inner)
    new = np.pi / 3 * (bore**2 + bore * new_head + new_head**2) * abs(skin - new_inner)
    new += np.pi * bore**2 * abs(new_inner - inner)
    heads = f"its head from Ø{2 * head:.2f} mm to Ø{2 * new_head:.2f} mm"
    yield Candidate(
        words=f"make the countersink {now - to:.2f} mm shallower, {heads}",
        figures={"depth_from": now, "depth_to": to, "head_to": 2 * new_head, "bore": size["diameter"]},
        make=make,
        region=Box(*body.box_of_faces(cones)).grown(2 * CLEAR_MM),
        sense=ADDS,
        volume_change=float(cone - new),
    )
