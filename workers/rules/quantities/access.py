"""How a part can be reached: the set-ups that it takes, and the faces that no straight tool gets to."""

import numpy as np

from workers.rules.measurement import Measurement
from workers.rules.quantities.registry import Subject, always, quantity
from workers.rules.quantities.turning import turned_features
from workers.rules.quantities.undercuts import groups_of, undercuts
from workers.rules.rule_file import Rule

TILTED, NO_MACHINE = 5.0, 6.0


@quantity("setups_needed")
def setups_needed(subject: Subject, _rule: Rule) -> list[Measurement]:
    """The fewest directions from which all reachable faces are reached."""
    reach, part = subject.facts.reach, subject.part
    change = always("bring the features that need a set-up of their own to the sides that are machined anyway")
    middle = (part.low + part.high) / 2
    up = reach.directions[reach.setups[0]] if reach.setups else np.array([0.0, 0.0, 1.0])
    return [Measurement(float(len(reach.setups)), [], middle, up, change)]


@quantity("axes_needed")
def axes_needed(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Machine axes that it takes to reach each group of faces beyond three: 5, or 6 where no machine's would do.

    Behind a lip, where a T-slot cutter gets to, is not for this rule but for that of undercuts; a lathe's tools go
    around corners, into a groove in a bore as well.
    """
    reach = subject.facts.reach
    behind_lips = {face for undercut in undercuts(subject) for face in undercut.faces}
    turned = {face for feature in turned_features(subject) for face in feature.faces}
    found = []
    for axes, faces in ((NO_MACHINE, reach.unreachable), (TILTED, reach.sideways)):
        for group in groups_of(subject.graph, set(faces) - behind_lips - turned):
            found.append(_out_of_reach(subject, group, axes))
    return found


def _out_of_reach(subject: Subject, group: list[int], axes: float) -> Measurement:
    faces = subject.part.faces
    largest = max(group, key=lambda face: (round(float(faces.area[face]), 3), -face))
    change = always(
        "turn these faces to one of the sides that the part is clamped by, or machine them on five axes"
        if axes == TILTED
        else "open the way to these faces from outside, or split the part there"
    )
    features = subject.features_with(group)
    return Measurement(axes, group, faces.point[largest], faces.normal[largest], change, features)
