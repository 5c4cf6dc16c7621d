"""How well reviews agree with parts of known truth: what a toolkit counts on them, and the class of every face.

The truths are those of a folder: `*.expected.json` beside each part holds the features and issues that a
manufacturing toolkit published for it, `labels.json` the MFCAD++ class of each face and the faces of each
feature. A part without a review counts as missed, not as absent.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Review = dict[str, Any]

# What a feature of the toolkit is called here.
FEATURES = {
    "Through Hole": "through_hole", "Blind Hole": "blind_hole", "Flat Bottom Hole": "flat_bottom_hole",
    "Stepped Hole": "stepped_hole", "Countersink": "countersink", "Counterbore": "counterbore",
    "Partial Hole": "partial_hole", "Bore": "bore", "Boss": "boss", "Closed Pocket": "closed_pocket",
    "Open Pocket": "open_pocket", "Through Pocket": "through_pocket", "Outer Diameter Groove": "groove",
    "End Face Groove": "groove",
}  # fmt: skip
# The rule that finds what the toolkit reports as an issue.
ISSUES = {
    "Deep Hole": "hole-depth", "Small Diameter Hole": "hole-small", "Non Standard Diameter Hole": "hole-nonstandard",
    "Flat Bottom Hole": "hole-flat-bottom", "Partial Hole": "hole-partial", "Non Perpendicular Hole": "hole-oblique",
    "Intersecting Cavity Hole": "hole-intersects-cavity", "High Boss Issue": "boss-high",
    "Small Radius Milled Part Internal Corner": "corner-radius",
    "Small Radius Turned Part Internal Corner": "turn-corner-radius",
    "Narrow Region In Pocket Issue": "pocket-narrow-region",
    "Non Standard Radius Milled Part Floor Fillet Issue": "floor-fillet-nonstandard",
    "Inconsistent Radius Milled Part Floor Fillet Issue": "floor-fillet-inconsistent",
    "Milled Part External Edge Fillet": "edge-external-fillet",
    "Non Perpendicular Milled Part Shape": "shape-oblique",
}  # fmt: skip
# The coarse kinds that faces are compared by: their MFCAD++ classes, and their features here.
COARSE: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    "chamfer": ((0,), ("chamfer",)),
    "fillet": ((23,), ("concave_fillet", "convex_fillet", "floor_fillet")),
    "groove": ((11,), ("groove",)),
    "hole": ((1, 12), ("through_hole", "blind_hole", "flat_bottom_hole", "stepped_hole", "counterbore", "countersink",
                       "partial_hole", "bore")),
    "pocket": ((13, 14, 15, 16), ("closed_pocket", "open_pocket")),
    "slot": ((5, 6, 7, 17, 18, 19), ("slot",)),
    "step": ((8, 9, 10, 20, 21, 22), ("step",)),
    "through_pocket": ((2, 3, 4), ("through_pocket",)),
    "stock": ((24,), ()),
}  # fmt: skip
KIND_OF_CLASS = {number: kind for kind, (classes, _) in COARSE.items() for number in classes}
KIND_OF_TYPE = {name: kind for kind, (_, types) in COARSE.items() for name in types}
STOCK, NOTHING = "stock", "not reviewed"
SAME_INSTANCE = 0.5  # faces in common, of all that either has


@dataclass(frozen=True)
class Tally:
    """How often truth and review agree, and how often one has what the other has not."""

    hit: int = 0
    extra: int = 0
    missed: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.hit + other.hit, self.extra + other.extra, self.missed + other.missed)

    @property
    def recall(self) -> float:
        """The share of the truth that was found."""
        return self.hit / max(1, self.hit + self.missed)

    @property
    def f1(self) -> float:
        """Twice the hits over all that was expected and all that was found; 0 without a hit."""
        return 2 * self.hit / (2 * self.hit + self.extra + self.missed) if self.hit else 0.0


@dataclass(frozen=True)
class Count:
    """How many of one kind ("features" or "issues") a part should have, and how many were found."""

    part: str
    kind: str
    name: str
    expected: int
    found: int

    @property
    def tally(self) -> Tally:
        """The same, as agreement."""
        both = min(self.expected, self.found)
        return Tally(both, self.found - both, self.expected - both)


@dataclass(frozen=True)
class FaceScores:
    """Agreement face by face, by coarse kind, and feature by feature."""

    faces: int
    right: int
    kinds: dict[str, Tally]
    instances: Tally

    @property
    def macro_f1(self) -> float:
        """The mean over the kinds that occur: accuracy would flatter whoever calls everything stock."""
        return sum(tally.f1 for tally in self.kinds.values()) / max(1, len(self.kinds))


def counted(folder: Path, reviews: Mapping[str, Review]) -> list[Count]:
    """What the toolkit counts on each part of `folder`, beside what its review (by the part's stem) has."""
    counts = []
    for path in sorted(folder.glob("*.expected.json")):
        part = path.name.removesuffix(".expected.json")
        review = reviews.get(part, {})
        bodies = json.loads(path.read_text())["bodies"]
        for kind, names, key in (("features", FEATURES, "type"), ("issues", ISSUES, "rule")):
            expected = Counter[str]()
            for row in (row for body in bodies for row in body[kind] if row["name"] in names):
                expected[names[row["name"]]] += row["count"]
            rows = review.get("findings" if kind == "issues" else kind, [])
            found = Counter(row[key] for row in rows if row[key] in names.values())
            counts += [Count(part, kind, name, expected[name], found[name]) for name in sorted(expected | found)]
    return counts


def tallied(counts: Iterable[Count], kind: str) -> Tally:
    """All counts of one kind together."""
    return sum((count.tally for count in counts if count.kind == kind), Tally())


def faces_scored(folder: Path, reviews: Mapping[str, Review]) -> FaceScores:
    """The truth of `folder`'s labels.json against the reviews, by the parts' stems."""
    pairs, instances = Counter[tuple[str, str]](), Tally()
    for part, truth in json.loads((folder / "labels.json").read_text()).items():
        review = reviews.get(Path(part).stem)
        wanted = [KIND_OF_CLASS[number] for number in truth["cls"]]
        features = list(_features(review))
        pairs.update(zip(wanted, _kind_of_each_face(review, features, len(wanted)), strict=True))
        if truth.get("inst"):
            expected = [(wanted[min(faces)], frozenset(faces)) for faces in truth["inst"]]
            instances += _matched(expected, features)
    occurring = sorted({wanted for wanted, _ in pairs})
    right = sum(n for (wanted, got), n in pairs.items() if wanted == got)
    return FaceScores(pairs.total(), right, {kind: _tally_of(kind, pairs) for kind in occurring}, instances)


def _features(review: Review | None) -> Iterator[tuple[str, frozenset[int]]]:
    for row in (review or {}).get("features", []):
        if row["faces"] and row["type"] in KIND_OF_TYPE:
            yield KIND_OF_TYPE[row["type"]], frozenset(row["faces"])


def _kind_of_each_face(review: Review | None, features: Iterable[tuple[str, frozenset[int]]], count: int) -> list[str]:
    kinds = [NOTHING if review is None else STOCK] * count
    for kind, faces in features:
        for face in faces:
            kinds[face] = kind
    return kinds


def _matched(expected: list[tuple[str, frozenset[int]]], found: list[tuple[str, frozenset[int]]]) -> Tally:
    """Each feature expected takes the most alike one of its kind that is left, if that is alike enough."""
    left, hit = list(found), 0
    for kind, faces in expected:
        alike = [
            (len(faces & other[1]) / len(faces | other[1]), -i) for i, other in enumerate(left) if other[0] == kind
        ]
        share, place = max(alike, default=(0.0, 0))
        if share >= SAME_INSTANCE:
            del left[-place]
            hit += 1
    return Tally(hit, len(left), len(expected) - hit)


def _tally_of(kind: str, pairs: Counter[tuple[str, str]]) -> Tally:
    extra = sum(n for (wanted, got), n in pairs.items() if got == kind != wanted)
    missed = sum(n for (wanted, got), n in pairs.items() if wanted == kind != got)
    return Tally(pairs[kind, kind], extra, missed)
