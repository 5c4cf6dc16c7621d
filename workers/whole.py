"""One document from what was found on a file's distinct solids: every occurrence of a solid has its own.

What belongs to an occurrence is that of the solid with faces, edges and features renumbered, points and
directions moved by its placement, and `body` its number.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workers.cad.part import Floats, Part
from workers.cad.placement import placed, turned
from workers.cad.reading import Body, Component, Reading
from workers.facts.fact import Fact
from workers.rules.anchor import identity

Row = dict[str, Any]

OF_EACH_BODY = "of each body: see components"
SMALLEST = (
    "wall_thickness",
    "wall_thickness_by_ball",
    "smallest_gap",
    "smallest_internal_radius",
    "smallest_external_radius",
)
SEVERITIES = ("critical", "major", "minor", "info")


@dataclass(frozen=True)
class Found:
    """What was found on one distinct solid, in its own numbers and coordinates."""

    part: Part
    facts: dict[str, Fact]
    features: list[Row]
    findings: list[Row]
    places: list[Floats]  # of each finding, what its id is made of
    groups: list[str]  # of each finding, the same where one edit would clear several
    document: Row = field(default_factory=dict)  # what its process has to say besides


@dataclass(frozen=True)
class _Occurrence:
    """A body with the numbers from which its own count on."""

    number: int
    body: Body
    first_edge: int
    first_feature: int

    def faces(self, numbers: Sequence[int]) -> list[int]:
        return [int(n) for n in self.body.faces[list(numbers)]]

    def feature(self, name: str) -> str:
        return f"F{int(name[1:]) + self.first_feature}"


def part_head(reading: Reading) -> Row:
    """What a document says of the file that it is about."""
    return {
        "name": reading.name,
        "sha256": reading.sha256,
        "format": reading.format,
        "units_in_file": reading.units_in_file,
        "bodies": sum(reading.parts[body.part].bodies for body in reading.bodies),
        "faces": reading.faces,
    }


def whole_features(reading: Reading, found: list[Found]) -> list[Row]:
    """The features of all bodies."""
    return [_feature(row, where) for where in _occurrences(reading, found) for row in found[where.body.part].features]


def whole_findings(reading: Reading, found: list[Found]) -> list[Row]:
    """The findings of all bodies, gravest and dearest first."""
    rows, groups, seen = [], [], Counter[str]()
    for where in _occurrences(reading, found):
        of_part = found[where.body.part]
        for row, place, group in zip(of_part.findings, of_part.places, of_part.groups, strict=True):
            moved = _finding(row, place, where)
            seen[moved["id"]] += 1
            if seen[moved["id"]] > 1 and len(reading.bodies) > 1:
                moved["id"] = f"{moved['id']}-{seen[moved['id']]}"
            rows.append(moved)
            groups.append(group)
    sizes = Counter(groups)
    for row, group in zip(rows, groups, strict=True):
        row["group"] = {"id": group, "size": sizes[group]} if sizes[group] > 1 else None
    if len(reading.bodies) == 1:
        return rows
    return sorted(rows, key=lambda row: (SEVERITIES.index(row["severity"]), -round(row["extra_minutes"], 6)))


def whole_document(reading: Reading, found: list[Found]) -> Row:
    """What the process has to say of the one body besides; that of several is with each: see `components`."""
    return found[0].document if len(reading.bodies) == 1 else {}


def whole_facts(reading: Reading, found: list[Found]) -> dict[str, Fact]:
    """The facts of the whole: those of the one body, or sums, boxes and the smallest over all."""
    if len(reading.bodies) == 1:
        return _one_body(reading, found[0])
    parts = [reading.parts[body.part] for body in reading.bodies]
    volumes = np.array([part.volume for part in parts])
    centres = np.array([placed(b.placement, p.centre_of_mass) for b, p in zip(reading.bodies, parts, strict=True)])
    low = np.min([body.low for body in reading.bodies], axis=0)
    high = np.max([body.high for body in reading.bodies], axis=0)
    surfaces = Counter[str]()
    for body in reading.bodies:
        surfaces.update(found[body.part].facts["faces_by_surface"].value or {})
    exact = "boundary representation, over all bodies"
    summed: dict[str, tuple[Any, Row]] = {
        "bounding_box": (high - low, {"low": low, "high": high}),
        "volume": (float(volumes.sum()), {}),
        "area": (sum(part.area for part in parts), {}),
        "centre_of_mass": (volumes @ centres / volumes.sum(), {}),
        "bodies": (len(parts), {}),
        "faces": (reading.faces, {}),
        "edges": (sum(len(part.edges) for part in parts), {}),
        "faces_by_surface": (dict(surfaces), {}),
    }
    facts = {}
    for name, fact in found[0].facts.items():
        if name in summed:
            value, spot = summed[name]
            facts[name] = Fact(value, fact.unit, "measured", exact, 1.0, spot)
        elif name in SMALLEST:
            facts[name] = _smallest(name, reading, found)
        elif name == "units_in_file":
            facts[name] = fact
        else:
            facts[name] = Fact(None, fact.unit, "not_applicable", OF_EACH_BODY, 1.0)
    return facts


def components(reading: Reading, found: list[Found]) -> list[Row]:
    """The assembly tree; where there are several bodies, each solid's facts at its first occurrence."""
    first: dict[int, int] = {}
    for number, body in enumerate(reading.bodies):
        first.setdefault(body.part, number)

    def row(component: Component) -> Row:
        return {
            "name": component.name,
            "colour": component.colour,
            "placement": component.placement,
            "bodies": [_body(number, reading, found, first) for number in component.bodies],
            "components": [row(child) for child in component.components],
        }

    return [row(component) for component in reading.components]


def _body(number: int, reading: Reading, found: list[Found], first: dict[int, int]) -> Row:
    body = reading.bodies[number]
    row: Row = {"body": number, "same_as": first[body.part] if first[body.part] != number else None}
    if len(reading.bodies) == 1:
        return row
    row |= {"placement": body.placement, "low": body.low, "high": body.high, "faces": body.faces}
    if first[body.part] == number:
        row["facts"] = {name: fact.as_dict() for name, fact in found[body.part].facts.items()}
        row |= found[body.part].document
    return row


def _one_body(reading: Reading, found: Found) -> dict[str, Fact]:
    """The facts of the only body, in the numbers of the file; faces that belong to no body count as well."""
    if reading.bodies[0].is_where_it_was_read and reading.faces == len(found.part.faces):
        return found.facts
    where = _Occurrence(0, reading.bodies[0], 0, 0)
    facts = {name: _moved_fact(fact, where) for name, fact in found.facts.items()}
    faces = facts["faces"]
    return facts | {"faces": Fact(reading.faces, faces.unit, faces.state, faces.method, faces.confidence)}


def _smallest(name: str, reading: Reading, found: list[Found]) -> Fact:
    """The least of a fact over all bodies, where it was found in the file's own numbers and coordinates."""
    known = [
        (found[where.body.part].facts[name], where)
        for where in _occurrences(reading, found)
        if found[where.body.part].facts[name].value is not None
    ]
    if not known:
        return found[0].facts[name]
    fact, where = min(known, key=lambda pair: round(float(pair[0].value), 6))
    return _moved_fact(fact, where)


def _moved_fact(fact: Fact, where: _Occurrence) -> Fact:
    spot = {"body": where.number, **fact.where}
    if "faces" in spot:
        spot["faces"] = where.faces(spot["faces"])
    _move(spot, where.body.placement)
    return Fact(fact.value, fact.unit, fact.state, fact.method, fact.confidence, spot)


def _occurrences(reading: Reading, found: list[Found]) -> list[_Occurrence]:
    edge = feature = 0
    occurrences = []
    for number, body in enumerate(reading.bodies):
        occurrences.append(_Occurrence(number, body, edge, feature))
        edge += len(found[body.part].part.edges)
        feature += len(found[body.part].features)
    return occurrences


def _feature(row: Row, where: _Occurrence) -> Row:
    moved = {**row, "id": where.feature(row["id"]), "faces": where.faces(row["faces"]), "body": where.number}
    if "parent" in row:
        moved["parent"] = where.feature(row["parent"])
    _move(moved, where.body.placement)
    return moved


def _finding(row: Row, place: Floats, where: _Occurrence) -> Row:
    moved = {
        **row,
        "features": [where.feature(name) for name in row["features"]],
        "faces": where.faces(row["faces"]),
        "edges": [edge + where.first_edge for edge in row["edges"]],
    }
    if not where.body.is_at_home:
        moved["id"] = identity(row["rule"], placed(where.body.placement, place))
    _move(moved, where.body.placement)
    return moved


def _move(row: Row, placement: Floats) -> None:
    """Take along the points and directions of a row."""
    for name in ("point", "centre"):
        if row.get(name) is not None:
            row[name] = placed(placement, np.asarray(row[name], dtype=float))
    for name in ("axis", "direction", "normal", "open_directions"):
        if row.get(name) is not None and len(row[name]):
            row[name] = turned(placement, np.asarray(row[name], dtype=float))
