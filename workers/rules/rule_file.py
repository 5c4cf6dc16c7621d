"""The form of a rule file, checked when it is loaded."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from workers.rules.material import Material

Severity = Literal["critical", "major", "minor", "info"]


class RuleFileError(Exception):
    """A rule file is not of the right form; the message names the file and the place."""


class Strict(BaseModel):
    """Data of a rule file: unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Level(Strict):
    """A limit and how grave it is to be beyond it.

    With `of`, the limit is `value` times that detail of the measurement (a corner's depth, say).
    """

    severity: Severity
    comparison: Literal[">", "<", ">=", "<=", "any"]
    value: float | None = Field(None, allow_inf_nan=False)
    of: str | None = None

    @model_validator(mode="after")
    def _needs_value(self) -> "Level":
        if (self.value is None) != (self.comparison == "any"):
            raise ValueError('a limit needs a value, unless its comparison is "any", which has none')
        return self


def _is_size_or_range(entry: list[float]) -> list[float]:
    if len(entry) == 1 and entry[0] > 0:
        return entry
    if len(entry) == 3 and 0 < entry[0] <= entry[1] and entry[2] > 0:
        return entry
    raise ValueError("a standard size is [size], or [from, to, step], all above 0")


Size = Annotated[float, Field(allow_inf_nan=False)]
Sizes = Annotated[list[Annotated[list[Size], AfterValidator(_is_size_or_range)]], Field(min_length=1)]
"""Standard sizes, mm: single ones and ranges."""


class Source(Strict):
    """Where a limit comes from."""

    title: str = Field(min_length=3)
    url: str = Field(pattern=r"^(https://.+)?$")
    why: str = ""

    @model_validator(mode="after")
    def _judgement_needs_a_reason(self) -> "Source":
        if not self.url and not self.why:
            raise ValueError("a source without a URL says why the limit is what it is")
        return self


class Rule(Strict):
    """One rule: what is measured, from where it is a problem, and what to do.

    `limits` holds the levels of each configuration; `material_limits` those that replace them for a material,
    by its id or its family. `extra_minutes` is what one finding at its limit costs in machining, an estimate
    by which findings of one severity are ordered.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9-]+$")
    title: str
    quantity: str
    unit: str
    source: str
    advice: str
    physics: str = Field(min_length=20)
    limits: dict[str, list[Level]]
    material_limits: dict[str, dict[str, list[Level]]] = {}
    sources_by_limits: dict[str, str] = {}
    variants: dict[str, str] = {}  # by configuration: another way to measure the quantity, that its function knows
    standard_sizes: dict[str, Sizes] = {}
    extra_minutes: float = Field(1.0, ge=0)

    def starting(self, new: str, base: str) -> "Rule":
        """This rule with what the configuration `base` has of it for `new` too, but for what it has already."""
        tables = ("limits", "sources_by_limits", "variants", "standard_sizes")
        changed = {name: _started(getattr(self, name), new, base) for name in tables}
        of_materials = {name: _started(limits, new, base) for name, limits in self.material_limits.items()}
        return self.model_copy(update=changed | {"material_limits": of_materials})

    def for_material(self, material: Material | None) -> "Rule":
        """This rule with the limits that hold for `material`; those of its id go before those of its family."""
        if material is None or not self.material_limits:
            return self
        of_family, own = (self.material_limits.get(name, {}) for name in (material.family, material.id))
        return self.model_copy(update={"limits": self.limits | of_family | own})


def _started(table: dict[str, Any], new: str, base: str) -> dict[str, Any]:
    return {new: table[base], **table} if base in table else table


class RuleFile(Strict):
    """All rules of one process."""

    process: str
    sources: dict[str, Source]
    configurations: list[str]
    starts_from: dict[str, str] = {}  # configuration -> the one whose limits hold where a rule has none for it
    include: list[str] = []  # processes whose rules hold as well …
    excepted: list[str] = Field([], alias="except")  # … but for these
    rules: list[Rule]
    switched_off: dict[str, str] = {}  # by a shop: rule id -> reason

    @field_validator("rules")
    @classmethod
    def _start_configurations(cls, rules: list[Rule], info: ValidationInfo) -> list[Rule]:
        for new, base in info.data.get("starts_from", {}).items():
            rules = [rule.starting(new, base) for rule in rules]
        return rules

    @model_validator(mode="after")
    def _names_fit_together(self) -> "RuleFile":
        for rule in self.rules:
            for name in (rule.source, *rule.sources_by_limits.values()):
                if name not in self.sources:
                    raise ValueError(f"rule {rule.id}: there is no source {name!r}")
            by_material = [name for limits in rule.material_limits.values() for name in limits]
            if unknown := {*rule.limits, *by_material} - set(self.configurations):
                raise ValueError(f"rule {rule.id}: there is no configuration {sorted(unknown)}")
        ids = [rule.id for rule in self.rules]
        if repeated := {name for name in ids if ids.count(name) > 1}:
            raise ValueError(f"rules defined twice: {sorted(repeated)}")
        return self

    def checked(self, limits: str) -> "RuleFile":
        """These rules, if they have the configuration `limits`. Raises RuleFileError with all that there are."""
        if limits not in self.configurations:
            known = ", ".join(self.configurations)
            raise RuleFileError(f"There are no limits {limits!r} for {self.process}; there are: {known}.")
        return self

    def source_of(self, rule: Rule, limits: str) -> Source:
        """The source of a rule's limits in the named configuration."""
        return self.sources[rule.sources_by_limits.get(limits, rule.source)]


Model = TypeVar("Model", bound=BaseModel)


def read_toml(path: Path, model: type[Model]) -> Model:
    """The file at `path` as `model`. Raises RuleFileError with the file, the place in it and what is expected."""
    try:
        return model.model_validate(tomllib.loads(path.read_text()))
    except ValidationError as error:
        raise RuleFileError(f"{path.name}: {places_of(error)}") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RuleFileError(f"{path.name}: {error}") from error


def places_of(error: ValidationError) -> str:
    """Each fault with its place: `rules[3].limits.default[0].value: Input should be a valid number`."""
    return "; ".join(f"{_place(fault['loc'])}{fault['msg']}" for fault in error.errors(include_url=False))


def _place(location: tuple[int | str, ...]) -> str:
    words = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location).lstrip(".")
    return f"{words}: " if words else ""
