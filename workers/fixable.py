"""Which findings a bounded edit can be tried for, told without the engine: the API asks here."""

from typing import Any

FIXABLE_RULES = frozenset(
    {
        "am-bridge",
        "am-detail",
        "am-escape-hole",
        "am-gap",
        "am-hole",
        "am-overhang",
        "am-pin",
        "am-trapped-volume",
        "am-wall",
        "boss-high",
        "boss-wall",
        "corner-radii-mixed",
        "corner-radius",
        "corner-relief",
        "corner-sharp",
        "countersink-sheet",
        "draft",
        "edge-external-fillet",
        "flange-length",
        "floor-fillet-inconsistent",
        "floor-fillet-nonstandard",
        "floor-fillet-over-corner",
        "groove-deep",
        "hem",
        "hole-depth",
        "hole-flat-bottom",
        "hole-nonstandard",
        "hole-size-sheet",
        "hole-small",
        "hole-to-bend",
        "hole-to-edge",
        "hole-to-hole",
        "pocket-deep",
        "pocket-narrow-region",
        "relief",
        "relief-depth",
        "rib-height",
        "rib-thickness",
        "slot-width",
        "text-small",
        "turn-corner-radius",
        "turn-radial-hole",
        "wall-slender",
        "wall-thin",
    }
)
"""The rules that workers.fixes has a recipe for, which a test holds equal to this."""


def is_fixable(rule: str, review: dict[str, Any]) -> bool:
    """Whether an edit can be tried for a finding of `rule` in `review`; what comes of it only trying tells.

    Only STEP files with one solid are edited.
    """
    part = review.get("part", {})
    return rule in FIXABLE_RULES and part.get("format") == "STEP" and part.get("bodies") == 1
