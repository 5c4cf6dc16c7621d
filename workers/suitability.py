"""How well a part is suited to a process, told from its shape alone."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Suitability:
    """`score` runs from 0 to 1; `reasons` speak for it, `ruled_out` against: plain sentences with figures.

    With anything in `ruled_out` the process cannot make the part, whatever the score.
    """

    score: float
    reasons: list[str] = field(default_factory=list)
    ruled_out: list[str] = field(default_factory=list)
