"""One measured fact."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

State = Literal["measured", "inferred", "declared", "unknown", "failed", "not_applicable"]


@dataclass(frozen=True)
class Fact:
    """A value with its unit, how it came about, how sure it is (0 to 1) and where it was found."""

    value: Any
    unit: str
    state: State
    method: str
    confidence: float
    where: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The fact as it stands in the review's result."""
        return asdict(self)
