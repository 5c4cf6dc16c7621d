"""The review, `rapiddraft.review/1`, as it is promised to users. Fields may be added, none removed."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class Engine(_Open):
    """What made the review."""

    version: str
    kernel: str
    kernel_version: str
    rules_digest: str


class Part(_Open):
    """The part, as it was read."""

    name: str
    sha256: str
    format: str
    units_in_file: str | None
    bodies: int
    faces: int


class Feature(_Open):
    """A machining feature. Sizes in mm, angles in degrees."""

    id: str | int
    type: str
    faces: list[int] = Field(description="Indices of faces, in the order of TopExp_Explorer.")


class DfmFinding(_Open):
    """Something that makes the part hard or impossible to make."""

    id: str | int
    rule: str
    severity: Literal["critical", "major", "minor", "info"]
    title: str
    measured: dict[str, Any] | None
    limit: dict[str, Any] | None
    faces: list[int]
    advice: str
    smallest_change: str | None = None
    change: dict[str, Any] | None = Field(None, description="The smallest change as a figure: quantity, from, to, by.")
    group: dict[str, Any] | None = Field(None, description="id and size of the pattern of equal findings it is in.")
    extra_minutes: float | None = Field(None, description="Estimate of what it costs to leave it; orders the list.")
    source: dict[str, Any] | None


class ComparedProcess(_Open):
    """What one of several processes comes to."""

    process: str
    score: float = Field(description="How well the part's shape suits it, 0 to 1.")
    reasons: list[str]
    ruled_out: list[str] = Field(description="Why it cannot make the part; empty if it can.")
    verdict: str
    counts: dict[str, int] = Field(description="Findings by severity.")
    extra_minutes: float = Field(description="Estimate of what its findings cost in all.")
    dearest: list[str] = Field(description="Ids of the findings that cost most.")
    summary: dict[str, Any]
    findings: list[dict[str, Any]] = Field(description="Without their advice, which a review for the process has.")
    undecided: list[dict[str, str]]


class Review(_Open):
    """A design-for-manufacturing review of one part."""

    schema_: Literal["rapiddraft.review/1"] = Field(alias="schema")
    engine: Engine
    part: Part
    process: str
    process_choice: dict[str, Any] = Field(
        {}, description="What was asked for; of each solid, the process and why, and all candidates, best first."
    )
    comparison: list[ComparedProcess] | None = Field(
        None, description="Where several processes were asked for: each, best first; the review is that for the first."
    )
    limits: str
    material: dict[str, Any] | None = Field(None, description="id, name, family, mass in g; whether it was assumed.")
    facts: dict[str, Any] = Field(description="name -> value, unit, state, method, confidence, where")
    features: list[Feature]
    findings: list[DfmFinding] = Field(description="Gravest first, and the dearest of one severity.")
    undecided: list[dict[str, str]] = Field([], description="Rules that could not be decided, and what they lack.")
    switched_off: list[dict[str, str]] = Field([], description="Rules that the shop does not want, and why.")
    summary: dict[str, Any] = Field(description="counts, verdict, score, score_formula")
    timings_ms: dict[str, float]
