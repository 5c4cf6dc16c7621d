"""The flat pattern as SVG, in mm, one to one: to look at, or to print."""

import math
from html import escape

from server.flat_pattern.pattern import Pattern, Segment, cut_loops, sweep_of

MARGIN = 0.03  # of the longer side
TEXT = 0.012
FINEST_TEXT = 1.0  # mm
CLOSED = 1e-3  # mm


def svg_of(pattern: Pattern) -> bytes:
    """The pattern as an SVG drawing with a caption; bends up are dashed, bends down dash-dotted."""
    length, width = pattern["blank"]["length"], pattern["blank"]["width"]
    margin = max(length, width) * MARGIN
    text = max(FINEST_TEXT, max(length, width) * TEXT)
    box = (-margin, -margin, length + 2 * margin, width + 2 * margin + 3 * text)
    line = max(length, width) / 800
    body = "".join(
        [
            f'<g class="cut"><path d="{_path(cut_loops(pattern), width)}"/></g>',
            f'<g class="slit"><path d="{_path(pattern["slits"], width)}"/></g>',
            f'<g class="form"><path d="{_path(pattern["formed"], width)}"/></g>',
            *(_bend(bend, width, text) for bend in pattern["bends"]),
            f'<text class="caption" x="0" y="{_number(width + margin + text)}">{escape(caption(pattern))}</text>',
        ]
    )
    style = (
        f"path,line{{fill:none;stroke:#111;stroke-width:{_number(line)};vector-effect:none}}"
        ".cut path{fill:#eef1f4;fill-rule:evenodd}"
        f".form path{{stroke:#2a5bd7;stroke-dasharray:{_number(4 * line)} {_number(3 * line)}}}"
        f".up line{{stroke:#12833a;stroke-dasharray:{_number(8 * line)} {_number(4 * line)}}}"
        f".down line{{stroke:#c3261b;stroke-dasharray:{_number(8 * line)} {_number(3 * line)} {_number(line)} "
        f"{_number(3 * line)}}}"
        f"text{{font:{_number(text)}px sans-serif;fill:#111}}"
        ".up text{fill:#12833a;text-anchor:middle}.down text{fill:#c3261b;text-anchor:middle}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_number(box[2])}mm" height="{_number(box[3])}mm" '
        f'viewBox="{" ".join(map(_number, box))}"><title>Flat pattern</title><style>{style}</style>{body}</svg>\n'
    ).encode()


def caption(pattern: Pattern) -> str:
    """One line on the pattern: thickness, blank, area, bends."""
    bends = len(pattern["bends"])
    blank = pattern["blank"]
    factors = sorted({bend["k_factor"] for bend in pattern["bends"]})
    k = f", K {' / '.join(f'{factor:g}' for factor in factors)}" if factors else ""
    return (
        f"t {pattern['thickness']:g} mm, blank {blank['length']:.2f} × {blank['width']:.2f} mm, "
        f"area {pattern['area']:.1f} mm², {bends} bend{'' if bends == 1 else 's'}{k}"
    )


def _bend(bend: Pattern, width: float, text: float) -> str:
    """Its lines, and beside the longest of them direction, angle and radius."""
    (x1, y1), (x2, y2) = max(bend["lines"], key=lambda line: math.dist(*line))
    middle = (x1 + x2) / 2, width - (y1 + y2) / 2
    degrees = -math.degrees(math.atan2(y2 - y1, x2 - x1))
    upright = (degrees + 90.0) % 180.0 - 90.0
    turn = f"rotate({_number(upright)} {_number(middle[0])} {_number(middle[1])})"
    label = f"{bend['direction']} {bend['angle']:.4g}° R{bend['radius']:.4g}"
    lines = "".join(
        f'<line x1="{_number(x1)}" y1="{_number(width - y1)}" x2="{_number(x2)}" y2="{_number(width - y2)}"/>'
        for (x1, y1), (x2, y2) in bend["lines"]
    )
    where = f'x="{_number(middle[0])}" y="{_number(middle[1] - text / 3)}" transform="{turn}"'
    return f'<g class="{bend["direction"]}">{lines}<text {where}>{escape(label)}</text></g>'


def _path(loops: list[list[Segment]], width: float) -> str:
    return " ".join(_loop(loop, width) for loop in loops)


def _loop(loop: list[Segment], width: float) -> str:
    """SVG's y points down."""
    if len(loop) == 1 and loop[0]["type"] == "circle":
        (x, y), r = loop[0]["centre"], loop[0]["radius"]
        half = f"A {_number(r)} {_number(r)} 0 1 0"
        return f"M {_at((x - r, y), width)} {half} {_at((x + r, y), width)} {half} {_at((x - r, y), width)} Z"
    start, end = _start(loop[0]), _end(loop[-1])
    closes = " Z" if math.dist(start, end) < CLOSED else ""
    return f"M {_at(start, width)} {' '.join(_step(segment, width) for segment in loop)}{closes}"


def _start(segment: Segment) -> list[float]:
    point: list[float] = segment["from"] if segment["type"] == "arc" else segment["points"][0]
    return point


def _end(segment: Segment) -> list[float]:
    point: list[float] = segment["to"] if segment["type"] == "arc" else segment["points"][-1]
    return point


def _step(segment: Segment, width: float) -> str:
    if segment["type"] != "arc":
        return " ".join(f"L {_at(point, width)}" for point in segment["points"][1:])
    large = int(sweep_of(segment) > 180.0)
    sweep = int(segment["direction"] == "clockwise")
    radius = _number(segment["radius"])
    return f"A {radius} {radius} 0 {large} {sweep} {_at(segment['to'], width)}"


def _at(point: list[float] | tuple[float, float], width: float) -> str:
    return f"{_number(point[0])} {_number(width - point[1])}"


def _number(value: float) -> str:
    return f"{round(value, 4) + 0.0:.10g}"
