"""What a process looks at on one solid: the features it recognises, and what else it works out of the shape."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from workers.additive.analysis import dmls, fdm, sla, sls
from workers.cad.part import Part
from workers.facts.fact import Fact
from workers.facts.measure import PartFacts
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.features.recognise import recognise
from workers.features.turned_axis import TurningAxis
from workers.moulding.analysis import moulded_shape
from workers.rules.material import Material
from workers.sheet.analysis import analyse as sheet_metal


class Analysis(Protocol):
    """What rules of a process are held against, besides the facts. Kept, pickled, in the geometry cache: plain data."""

    features: list[Feature]

    def facts(self, material: Material | None) -> dict[str, Fact]:
        """Facts for the review, besides those of every part; {} if there are none."""

    def document(self, material: Material | None) -> dict[str, Any]:
        """Further keys of the review, say of a flat pattern; {} if there are none."""


Analyse = Callable[[Part, PartFacts, FaceGraph, TurningAxis | None], Analysis]


@dataclass
class MachinedShape:
    """A part that is cut from stock."""

    features: list[Feature] = field(default_factory=list)

    def facts(self, material: Material | None) -> dict[str, Fact]:  # noqa: ARG002 - as an Analysis has it
        """None besides those of every part."""
        return {}

    def document(self, material: Material | None) -> dict[str, Any]:  # noqa: ARG002 - as an Analysis has it
        """Nothing besides what every review says."""
        return {}


def machined_shape(part: Part, facts: PartFacts, graph: FaceGraph, axis: TurningAxis | None) -> MachinedShape:  # noqa: ARG001
    """The part as a mill, or with an `axis` a lathe, sees it; on a mesh there are no surfaces to recognise."""
    return MachinedShape(recognise(graph, axis) if part.exact else [])


ANALYSES: dict[str, Analyse] = {
    "cnc_milling": machined_shape,
    "cnc_turning": machined_shape,
    "dmls": dmls,
    "fdm": fdm,
    "injection_moulding": moulded_shape,
    "sla": sla,
    "sheet_metal": sheet_metal,
    "sls": sls,
}
"""By process."""
