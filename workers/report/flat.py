"""A flat pattern as a drawing on paper: cut in black, bends up dashed green, bends down dash-dotted red, forms blue."""

import math

from reportlab.graphics.shapes import Drawing, Group, Line, Path, String
from reportlab.lib import colors

from server.flat_pattern.pattern import Pattern, Segment, angles_of, cut_loops, sweep_of
from workers.report import fonts

_CUT, _SHEET, _FORM = colors.HexColor("#1c2430"), colors.HexColor("#eef1f4"), colors.HexColor("#2a5bd7")
_BENDS = {"up": (colors.HexColor("#12833a"), [5, 3]), "down": (colors.HexColor("#c3261b"), [6, 2, 1, 2])}
_TEXT = 6.0  # pt
_DEGREES = 4.0  # a chord of an arc spans no more
_BORDER = 2.0  # pt, so that the outline's own width is in the drawing


def drawing(pattern: Pattern, width: float, height: float) -> Drawing:
    """The pattern as large as fits into `width` x `height` points."""
    length, across = pattern["blank"]["length"], pattern["blank"]["width"]
    scale = min((width - 2 * _BORDER) / length, (height - 2 * _BORDER) / across)
    drawn = Drawing(length * scale + 2 * _BORDER, across * scale + 2 * _BORDER)
    drawn.add(_path(cut_loops(pattern), scale, _CUT, _SHEET))
    for loops, ink, is_closed in ((pattern["slits"], _CUT, False), (pattern["formed"], _FORM, True)):
        if loops:
            drawn.add(_path(loops, scale, ink, None, is_closed=is_closed))
    for bend in pattern["bends"]:
        _add_bend(drawn, bend, scale)
    return drawn


def _path(
    loops: list[list[Segment]], scale: float, ink: colors.Color, fill: colors.Color | None, *, is_closed: bool = True
) -> Path:
    # Filled even-odd, which is what a path does: openings stay open whichever way round they run.
    path = Path(strokeColor=ink, strokeWidth=0.5, fillColor=fill)
    for loop in loops:
        first, *others = (_at(point, scale) for segment in loop for point in _points(segment))
        path.moveTo(*first)
        for point in others:
            path.lineTo(*point)
        if is_closed:
            path.closePath()
    return path


def _points(segment: Segment) -> list[tuple[float, float]]:
    """Along a segment, in mm."""
    if segment["type"] in ("line", "polyline"):
        return [(x, y) for x, y in segment["points"]]
    (x, y), radius = segment["centre"], segment["radius"]
    if segment["type"] == "circle":
        start, sweep = 0.0, 360.0
    else:
        start, sweep = angles_of(segment)[0], sweep_of(segment)
    chords = max(1, math.ceil(sweep / _DEGREES))
    angles = [math.radians(start + sweep * at / chords) for at in range(chords + 1)]
    points = [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in angles]
    return points[::-1] if segment.get("direction") == "clockwise" else points


def _add_bend(drawn: Drawing, bend: Pattern, scale: float) -> None:
    """Its lines, and on the longest of them its angle, where there is room for it."""
    ink, dashes = _BENDS[bend["direction"]]
    for start, end in bend["lines"]:
        drawn.add(Line(*_at(start, scale), *_at(end, scale), strokeColor=ink, strokeWidth=0.7, strokeDashArray=dashes))
    start, end = (_at(point, scale) for point in max(bend["lines"], key=lambda line: math.dist(*line)))
    label = f"{bend['direction']} {bend['angle']:.4g}°"
    if math.dist(start, end) < len(label) * _TEXT * 0.6:
        return
    text = String(0, _TEXT / 3, label, fontName=fonts.TEXT, fontSize=_TEXT, fillColor=ink, textAnchor="middle")
    turned = (math.atan2(end[1] - start[1], end[0] - start[0]) + math.pi / 2) % math.pi - math.pi / 2
    cos, sin = math.cos(turned), math.sin(turned)
    middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    drawn.add(Group(text, transform=(cos, sin, -sin, cos, *middle)))


def _at(point: tuple[float, float] | list[float], scale: float) -> tuple[float, float]:
    return point[0] * scale + _BORDER, point[1] * scale + _BORDER
