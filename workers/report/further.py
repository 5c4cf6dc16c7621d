"""What only some processes find out: how a part is moulded or built, its flat pattern, and which process suits it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from server.flat_pattern.svg import caption
from workers.report import words
from workers.report.making import parted, standing
from workers.report.pictures import SEVERITIES, Painter, Picture
from workers.report.scene import Scene

Review = dict[str, Any]
Rows = list[tuple[str, str]]
Pattern = dict[str, Any]

PROCESSES = {
    "cnc_milling": "CNC milling",
    "cnc_turning": "CNC turning",
    "sheet_metal": "Sheet metal",
    "injection_moulding": "Injection moulding",
    "fdm": "FDM (fused deposition modelling)",
    "sla": "SLA (stereolithography)",
    "sls": "SLS (selective laser sintering)",
    "dmls": "DMLS (laser sintering of metal)",
}
_MOST_BODIES = 8  # of an assembly, that are drawn as they are made
_BENDS = ("Bends", "Direction", "Kind", "Angle", "Inner radius", "K", "Allowance", "Lengths")
_COMPARED = ("Process", "Suits", "Verdict", "Findings", "Extra time", "Why, and what rules it out")
_CANDIDATES = ("Process", "Suits", "Why, and what rules it out")
_HALVES = (
    "From the side of the cavity, and from that of the core; pulled along the arrows. Blue is formed by the cavity, "
    "green by the core, orange is undercut; the purple line is the parting line."
)
_CANDIDATE_WIDTHS, _COMPARED_WIDTHS = (50, 16, 112), (30, 13, 30, 32, 20, 53)


@dataclass(frozen=True)
class Grid:
    """A table with a head; `widths` are mm on A4."""

    names: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    widths: tuple[float, ...]


@dataclass(frozen=True)
class Further:
    """A chapter of its own: any of a picture, a drawing of a flat pattern, lines and a table."""

    title: str
    rows: Rows = field(default_factory=list)
    picture: Picture | None = None
    caption: str = ""
    pattern: Pattern | None = None
    legend: str = ""  # of the lines of the pattern
    grid: Grid | None = None


def process_name(process: str) -> str:
    """As it is printed."""
    return PROCESSES.get(process, words.spaced(process))


def further(review: Review, painter: Painter, tell: Callable[[], None]) -> list[Further]:
    """All chapters that the review has something for; `tell` is called before each picture."""
    made = (chapter for of in _made(review, painter) for chapter in (*_moulding(of, tell), *_build(of, tell)))
    return [*_choice(review), *made, *(_flat_pattern(title, pattern) for title, pattern in _patterns(review))]


# -- which process ---------------------------------------------------------------------------------------------


def _choice(review: Review) -> Iterator[Further]:
    """The comparison of processes, or what `auto` chose from, for each solid that it chose differently for."""
    choice = review.get("process_choice") or {}
    if compared := review.get("comparison"):
        rows = [_compared(row) for row in compared]
        yield Further("Processes compared", grid=Grid(_COMPARED, rows, _COMPARED_WIDTHS))
    elif choice.get("asked") == "auto":
        chosen = {str(part): part for part in choice["parts"]}
        for part in chosen.values():
            yield _chosen(part)


def _chosen(part: dict[str, Any]) -> Further:
    rows = [(process_name(of["process"]), words.number(round(of["score"], 2)), _why(of)) for of in _scored(part)]
    why = [(process_name(part["process"]), str(part.get("reason") or ""))]
    return Further("Choice of process", why, grid=Grid(_CANDIDATES, rows, _CANDIDATE_WIDTHS) if rows else None)


def _scored(part: dict[str, Any]) -> list[dict[str, Any]]:
    return list(part.get("candidates") or [])


def _compared(row: dict[str, Any]) -> tuple[str, ...]:
    counts = [f"{row['counts'][severity]} {severity}" for severity in SEVERITIES if row["counts"].get(severity)]
    return (
        process_name(row["process"]),
        words.number(round(row["score"], 2)),
        row["verdict"],
        ", ".join(counts) or "none",
        words.amount(round(row["extra_minutes"], 1), "min") if row["extra_minutes"] else "–",
        _why(row),
    )


def _why(candidate: dict[str, Any]) -> str:
    against = [f"Ruled out: {reason}" for reason in candidate["ruled_out"]]
    return " ".join(f"{sentence.rstrip('.')}." for sentence in [*against, *candidate["reasons"]])


# -- how it is made --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Made:
    """A body by itself, of whose facts the numbers are those of its scene; None if it is not drawn."""

    name: str
    facts: dict[str, Any]
    scene: Callable[[], Scene] | None

    def title(self, what: str) -> str:
        return f"{what} of {self.name}" if self.name else what


def _made(review: Review, painter: Painter) -> Iterator[_Made]:
    """The one body, or each solid of an assembly where it first occurs, by the name of its component."""
    yield _Made("", review["facts"], lambda: painter.scene)
    drawn = 0
    for component in _components(review.get("components") or []):
        for body in component["bodies"]:
            if "facts" in body:
                scene = partial(painter.scene.of_body, body["faces"])
                drawn += 1
                yield _Made(component["name"], body["facts"], scene if drawn <= _MOST_BODIES else None)


def _moulding(of: _Made, tell: Callable[[], None]) -> Iterator[Further]:
    facts = of.facts
    pull, parting = facts.get("pull_direction") or {}, facts.get("parting_line") or {}
    if not pull.get("value"):
        return
    tell()
    where = parting.get("where") or {}
    rows = [("Pull direction", words.direction(pull["value"]))]
    if parting.get("value") is not None:
        shape = ", in one plane" if where.get("flat") else ", stepped or curved"
        rows.append(("Parting line", words.amount(parting["value"], parting["unit"]) + shape))
    rows += _of_facts(facts, ("projected_area", "mould_depth", "mould_undercuts"))
    picture = parted(of.scene(), pull["value"], where) if of.scene else None
    yield Further(of.title("Mould"), rows, picture, _HALVES)


def _build(of: _Made, tell: Callable[[], None]) -> Iterator[Further]:
    facts = of.facts
    built = facts.get("build_orientation") or {}
    if not built.get("value"):
        return
    tell()
    where = built.get("where") or {}
    rows = [("Up", words.direction(built["value"]))]
    rows += _of_facts(facts, ("build_height", "support_area", "support_volume"))
    if where.get("footprint"):
        rows.append(("Footprint", words.amount(" × ".join(map(words.number, where["footprint"])), "mm")))
    picture = standing(of.scene(), built["value"]) if of.scene else None
    yield Further(of.title("Build orientation"), rows, picture, "As it stands on the plate.")


def _of_facts(facts: dict[str, Any], names: tuple[str, ...]) -> Rows:
    known = [(name, facts[name]) for name in names if (facts.get(name) or {}).get("value") is not None]
    return [(words.spaced(name).capitalize(), words.amount(fact["value"], fact["unit"])) for name, fact in known]


# -- flat pattern ----------------------------------------------------------------------------------------------


def _patterns(review: Review) -> Iterator[tuple[str, Pattern]]:
    """The flat pattern of the one body, or those of an assembly by the names of its components."""
    if review.get("flat_pattern"):
        yield "Flat pattern", review["flat_pattern"]
    for component in _components(review.get("components") or []):
        for body in component["bodies"]:
            if body.get("flat_pattern"):
                yield f"Flat pattern of {component['name']}", body["flat_pattern"]


def _components(of: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for component in of:
        yield component
        yield from _components(component["components"])


def _flat_pattern(title: str, pattern: Pattern) -> Further:
    if not pattern.get("available"):
        return Further(title, [("None", f"{pattern.get('reason') or 'it could not be unfolded'}")])
    left_out = [
        ("Not unfolded", f"{row['reason']} (faces {words.few(row['faces'])})") for row in pattern["not_unfolded"]
    ]
    if pattern["conflicts"]:
        left_out.append(("Conflicts", f"it lies on itself in {words.counted(len(pattern['conflicts']), 'place')}"))
    bends = _bends(pattern["bends"])
    grid = Grid(_BENDS, bends, (14, 20, 26, 20, 24, 16, 22, 36)) if bends else None
    legend = _legend(pattern)
    return Further(title, left_out, pattern=pattern, caption=f"{caption(pattern)}.", legend=legend, grid=grid)


def _legend(pattern: Pattern) -> str:
    """What the lines are, of those that there are."""
    kinds = [
        ("cuts black", True),
        ("bends up green and dashed", any(bend["direction"] == "up" for bend in pattern["bends"])),
        ("bends down red and dash-dotted", any(bend["direction"] == "down" for bend in pattern["bends"])),
        ("outlines of forms, such as louvres and embossings, blue", bool(pattern["formed"])),
    ]
    return f"Lines: {', '.join(kind for kind, is_there in kinds if is_there)}."


def _bends(bends: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """One row for bends that differ by their length alone."""
    alike: dict[tuple[str, ...], list[float]] = {}
    for bend in bends:
        key = (
            bend["direction"],
            words.spaced(bend["kind"]),
            words.amount(bend["angle"], "deg"),
            words.amount(bend["radius"], "mm"),
            words.number(bend["k_factor"]),
            words.amount(bend["allowance"], "mm"),
        )
        alike.setdefault(key, []).append(bend["length"])
    return [(str(len(of)), *key, words.amount(", ".join(map(words.number, of)), "mm")) for key, of in alike.items()]
