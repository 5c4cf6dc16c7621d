"""The register of quantities, and what every quantity is measured on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeVar

from workers.analysis import Analysis
from workers.cad.part import Floats, Part
from workers.facts.fact import NotMeasuredError
from workers.facts.measure import PartFacts
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.features.main_axis import main_axis
from workers.rules.material import Material
from workers.rules.measurement import Change, ChangeTo, Measurement
from workers.rules.rule_file import Rule

HOLES = (
    "through_hole",
    "blind_hole",
    "flat_bottom_hole",
    "stepped_hole",
    "counterbore",
    "countersink",
    "partial_hole",
)
POCKETS = ("closed_pocket", "open_pocket", "through_pocket", "slot")
DEPRESSIONS = (*POCKETS, "step")
SQUARE = 0.996  # cosine of 5 degrees: closer than that a face counts as square to an axis


@dataclass
class Subject:
    """What is measured: the part, its features and its facts, and the name of the limits in force.

    Without a material the part is taken to be of metal.
    """

    graph: FaceGraph
    analysis: Analysis
    facts: PartFacts
    limits: str
    material: Material | None = None

    @property
    def part(self) -> Part:
        """The part whose faces make up the graph."""
        return self.graph.part

    @property
    def features(self) -> list[Feature]:
        """What the process recognises on the part."""
        return self.analysis.features

    @cached_property
    def main_axis(self) -> Floats:
        """(3,) unit, of either sign: the direction that most of the part is machined along."""
        return main_axis(self.graph, self.features)

    @cached_property
    def _numbers_with_face(self) -> dict[int, list[int]]:
        """By face, the places in `features` of those that it belongs to."""
        numbers: dict[int, list[int]] = {}
        for number, feature in enumerate(self.features):
            for face in dict.fromkeys(feature.faces):
                numbers.setdefault(face, []).append(number)
        return numbers

    def features_with(self, faces: Iterable[int]) -> list[Feature]:
        """The features that any of `faces` belongs to."""
        numbers = sorted({number for face in faces for number in self._numbers_with_face.get(face, [])})
        return [self.features[number] for number in numbers]

    def of_type(self, *types: str) -> list[Feature]:
        """The features of the given types."""
        return [f for f in self.features if f.type in types]


Kind = TypeVar("Kind")


def analysis_of(subject: Subject, kind: type[Kind]) -> Kind:
    """The subject's analysis, for a quantity that one process alone knows. Raises NotMeasuredError if it is another."""
    if not isinstance(subject.analysis, kind):
        raise NotMeasuredError(f"the part was not looked at as a {kind.__name__}")
    return subject.analysis


Quantity = Callable[[Subject, Rule], list[Measurement]]
QUANTITIES: dict[str, Quantity] = {}
OnMeshes = Literal["any", "closed"]
ON_MESHES: dict[str, OnMeshes] = {}
"""The quantities that a mesh can tell, with no exact surface behind it: any, or only a closed one."""


def quantity(name: str, *, on_meshes: OnMeshes | None = None) -> Callable[[Quantity], Quantity]:
    """Register a function as the quantity `name` that rule files refer to, and the meshes that it can be told from."""

    def register(function: Quantity) -> Quantity:
        QUANTITIES[name] = function
        if on_meshes is not None:
            ON_MESHES[name] = on_meshes
        return function

    return register


def always(text: str) -> ChangeTo:
    """A smallest change that is no figure, the same whatever the limit."""
    return lambda _limit: text


def on_feature(feature: Feature, subject: Subject, value: float, change: ChangeTo, **details: float) -> Measurement:
    """A measurement of a whole feature, seen from the direction that it opens in."""
    faces = subject.part.faces
    point: Floats = feature.point if feature.point is not None else faces.point[feature.faces[0]]
    normal: Floats = feature.direction if feature.direction is not None else faces.normal[feature.faces[0]]
    return Measurement(value, list(feature.faces), point, normal, change, [feature], details=details)


def off_standard(subject: Subject, rule: Rule, feature: Feature, size: str, sign: str) -> Measurement:
    """Distance in mm of one of the feature's sizes to the nearest of the rule's standard sizes."""
    value = feature.size[size]
    nearest = _nearest_standard(rule.standard_sizes[subject.limits], value)
    change = Change(f"change it by {nearest - value:+.3f} mm to {sign}{round(nearest, 3):g} mm", size, value, nearest)
    return on_feature(feature, subject, abs(nearest - value), lambda _limit: change, actual=value, nearest=nearest)


def _nearest_standard(sizes: list[list[float]], value: float) -> float:
    """The nearest of single sizes `[s]` and ranges `[from, to, step]`, mm."""
    candidates = []
    for entry in sizes:
        if len(entry) == 1:
            candidates.append(entry[0])
        else:
            low, high, step = entry
            candidates.append(min(max(low + round((value - low) / step) * step, low), high))
    return min(candidates, key=lambda c: abs(c - value))


def ratio_change(
    size: float, by: float, less: str, more: str, sign: str = "", *, names: tuple[str, str] = ("depth", "width")
) -> ChangeTo:
    """How to bring `size` / `by` down to a limit: make the first `less` or the second `more`.

    `names` are those of the two sizes; the figure given is that of the smaller of the two edits.
    """

    def change(limit: float) -> Change:
        text = (
            f"make it {size - limit * by:.2f} mm {less} (to {limit * by:.2f} mm) "
            f"or {size / limit - by:.2f} mm {more} (to {sign}{size / limit:.2f} mm)"
        )
        edits = Change(text, names[0], size, limit * by), Change(text, names[1], by, size / limit)
        return min(edits, key=lambda edit: abs(edit.to - edit.now))

    return change


def too_narrow(feature: Feature, subject: Subject, size: str, sign: str = "") -> Measurement:
    """One of the feature's sizes in mm, to be widened up to a limit."""
    value = feature.size[size]

    def change(limit: float) -> Change:
        return Change(f"widen it by {limit - value:.2f} mm to {sign}{round(limit, 3):g} mm", size, value, limit)

    return on_feature(feature, subject, value, change)
