"""Quantities of pockets, slots and bosses."""

from workers.rules.measurement import Measurement
from workers.rules.quantities.registry import POCKETS, Subject, on_feature, quantity, ratio_change
from workers.rules.rule_file import Rule


@quantity("pocket_depth_to_width")
def pocket_depth_to_width(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Depth over smallest width of each pocket and slot."""
    found = []
    for pocket in subject.of_type(*POCKETS):
        depth, width = pocket.size["depth"], pocket.size["width"]
        if width > 0:
            change = ratio_change(depth, width, "less deep", "wider")
            found.append(on_feature(pocket, subject, depth / width, change, depth=depth, width=width))
    return found


@quantity("boss_height_to_width")
def boss_height_to_width(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Height over the smaller of length and width of each boss."""
    found = []
    for boss in subject.of_type("boss"):
        height, width = boss.size["height"], min(boss.size["length"], boss.size["width"])
        if width > 0:
            change = ratio_change(height, width, "lower", "wider", names=("height", "width"))
            found.append(on_feature(boss, subject, height / width, change, height=height, width=width))
    return found
