"""What an edit starts from: a part, its review, and the rules that it was reviewed by."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from workers.cad.edit.body import Body
from workers.cad.part import Bend, Floats, Surface
from workers.rules.rule_file import Rule

JsonObject = dict[str, Any]

DEPRESSIONS = ("closed_pocket", "open_pocket", "through_pocket", "slot", "step")
PATCHES = (Surface.SPHERE, Surface.TORUS, Surface.FREEFORM)
SQUARE = 0.996
SMALLER_MM = 1e-3
ROUNDED = 1 - 1e-9  # cosine of what a unit vector, rounded to six digits, may be off


@dataclass(frozen=True)
class Situation:
    """A solid with its review; findings and features are as they stand in the review's result."""

    body: Body
    review: JsonObject
    rules: dict[str, Rule] = field(default_factory=dict)  # by id, as they hold for the part's material

    @cached_property
    def features(self) -> dict[str, JsonObject]:
        """By id."""
        return {feature["id"]: feature for feature in self.review["features"]}

    def finding(self, number: str) -> JsonObject | None:
        """The finding with an id."""
        return next((finding for finding in self.review["findings"] if finding["id"] == number), None)

    def findings_of(self, rule: str) -> list[JsonObject]:
        """Those of one rule."""
        return [finding for finding in self.review["findings"] if finding["rule"] == rule]

    def home_of(self, finding: JsonObject) -> JsonObject | None:
        """The depression that the finding is in."""
        found = [self.features[number] for number in finding["features"]]
        parents = [self.features.get(feature.get("parent", "")) for feature in found]
        return next((f for f in [*found, *parents] if f is not None and f["type"] in DEPRESSIONS), None)

    def fillets_in(self, home: JsonObject, kind: str) -> list[JsonObject]:
        """The fillets of one type in a depression."""
        return [f for f in self.review["features"] if f["type"] == kind and f.get("parent") == home["id"]]

    def foot_of(self, home: JsonObject) -> list[int]:
        """The faces of all floor fillets of a depression, with the patches where they meet."""
        return self.with_patches({face for fillet in self.fillets_in(home, "floor_fillet") for face in fillet["faces"]})

    def stock_foot_of(self, home: JsonObject) -> list[float]:
        """The next radius of a stock bull-nose cutter below that of the fillets at a depression's foot, if any."""
        now = min((fillet["size"]["radius"] for fillet in self.fillets_in(home, "floor_fillet")), default=0.0)
        sizes = [size[0] for size in self.standard_sizes("floor-fillet-nonstandard") if len(size) == 1]
        return sorted((size for size in sizes if size < now - SMALLER_MM), reverse=True)[:1]

    def with_patches(self, fillets: Iterable[int]) -> list[int]:
        """Faces of fillets, and the doubly curved ones that run smoothly between them and on into a corner."""
        body, found = self.body, set(fillets)
        beside = {
            other for face in found for edge, other in body.neighbours(face) if body.edges.bend[edge] == Bend.SMOOTH
        }
        return sorted(
            found | {face for face in beside - found if body.faces.kind[face] in PATCHES and face in self._filleted}
        )

    @cached_property
    def _filleted(self) -> set[int]:
        """The faces of all concave fillets that belong to no depression of their own."""
        patches = [f for f in self.review["features"] if f["type"] == "concave_fillet" and f.get("parent") is None]
        return {face for fillet in patches for face in fillet["faces"]}

    def floors_of(self, home: JsonObject) -> list[int]:
        """The flat faces of a depression that look out of it along its direction."""
        if home["direction"] is None:
            return []
        faces, direction = self.body.faces, np.array(home["direction"])
        return [f for f in home["faces"] if faces.kind[f] == Surface.PLANE and faces.axis[f] @ direction > SQUARE]

    def factor_of(self, rule: str, detail: str) -> float | None:
        """The mildest limit of `rule` that is a multiple of a detail, such as the third of a corner's depth."""
        levels = self.rules[rule].limits.get(self.review["limits"], []) if rule in self.rules else []
        values = [level.value for level in levels if level.of == detail and level.value is not None]
        return values[0] if values else None

    def mildest(self, rule: str) -> float:
        """The mildest limit of `rule` that is a plain value."""
        severities = ("critical", "major", "minor", "info")
        levels = [level for level in self.rules[rule].limits[self.review["limits"]] if level.value is not None]
        level = max(levels, key=lambda level: severities.index(level.severity))
        return float(level.value or 0.0)

    def standard_sizes(self, rule: str) -> list[list[float]]:
        """The rule's standard sizes."""
        return self.rules[rule].standard_sizes.get(self.review["limits"], []) if rule in self.rules else []


def direction_of(situation: Situation, feature: JsonObject) -> Floats:
    """(3,) the way out of a feature: exactly that of one of its faces, where the review's rounded figures mean it."""
    told = np.array(feature["direction"] if feature.get("direction") is not None else feature["axis"])
    axes = situation.body.faces.axis[feature["faces"]]
    cosines = axes @ told
    nearest = int(np.abs(cosines).argmax())
    return np.asarray(axes[nearest] * np.sign(cosines[nearest]) if abs(cosines[nearest]) > ROUNDED else told)
