"""The form of a rule file, checked when it is loaded."""

import hashlib
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

DATA = Path(__file__).parent / "data"
PROCESSES = tuple(sorted(path.stem for path in DATA.glob("*.toml")))

Severity = Literal["critical", "major", "minor", "info"]


class RuleFileError(Exception):
    """A rule file is not of the right form; the message names the file and the place."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Level(_Strict):
    """A limit and how grave it is to be beyond it.

    With `of`, the limit is `value` times that detail of the measurement (a corner's depth, say).
    """

    severity: Severity
    comparison: Literal[">", "<", ">=", "<=", "any"]
    value: float | None = None
    of: str | None = None

    @model_validator(mode="after")
    def _needs_value(self) -> "Level":
        if (self.value is None) != (self.comparison == "any"):
            raise ValueError('a limit needs a value, unless its comparison is "any", which has none')
        return self


class Source(_Strict):
    """Where a limit comes from."""

    title: str = Field(min_length=3)
    url: str = Field(pattern=r"^(https://.+)?$")
    why: str = ""

    @model_validator(mode="after")
    def _judgement_needs_a_reason(self) -> "Source":
        if not self.url and not self.why:
            raise ValueError("a source without a URL says why the limit is what it is")
        return self


class Rule(_Strict):
    """One rule: what is measured, from where it is a problem, and what to do."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]+$")
    title: str
    quantity: str
    unit: str
    source: str
    advice: str
    physics: str = Field(min_length=20)
    limits: dict[str, list[Level]]
    sources_by_limits: dict[str, str] = {}
    standard_sizes: dict[str, list[list[float]]] = {}


class RuleFile(_Strict):
    """All rules of one process."""

    process: str
    sources: dict[str, Source]
    configurations: list[str]
    rules: list[Rule]

    @model_validator(mode="after")
    def _names_fit_together(self) -> "RuleFile":
        for rule in self.rules:
            for name in (rule.source, *rule.sources_by_limits.values()):
                if name not in self.sources:
                    raise ValueError(f"rule {rule.id}: there is no source {name!r}")
            if unknown := set(rule.limits) - set(self.configurations):
                raise ValueError(f"rule {rule.id}: there is no configuration {sorted(unknown)}")
        ids = [rule.id for rule in self.rules]
        if repeated := {name for name in ids if ids.count(name) > 1}:
            raise ValueError(f"rules defined twice: {sorted(repeated)}")
        return self

    def source_of(self, rule: Rule, limits: str) -> Source:
        """The source of a rule's limits in the named configuration."""
        return self.sources[rule.sources_by_limits.get(limits, rule.source)]


@lru_cache
def load_rules(process: str) -> RuleFile:
    """The rules of `process`, from its data file.

    Raises RuleFileError if there is no such process or the file does not fit the schema.
    """
    path = DATA / f"{process}.toml"
    if process not in PROCESSES:
        raise RuleFileError(f"There are no rules for the process {process!r}; there are for: {', '.join(PROCESSES)}.")
    try:
        return RuleFile.model_validate(tomllib.loads(path.read_text()))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise RuleFileError(f"{path.name}: {error}") from error


def rules_digest(process: str) -> str:
    """SHA-256 of the process's rule file: reviews with the same digest used the same rules."""
    return hashlib.sha256((DATA / f"{process}.toml").read_bytes()).hexdigest()
