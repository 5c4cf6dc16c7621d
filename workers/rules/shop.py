"""A shop's own rules: what is laid over the rule files that RapidDraft comes with. docs/rules.md shows one."""

from typing import Any

from pydantic import Field, ValidationError, model_validator

from workers.rules.material import Material
from workers.rules.rule_file import Level, Rule, RuleFile, RuleFileError, Sizes, Source, Strict, places_of


class Override(Strict):
    """Changes to a known rule; what is left out stays. Limits go by configuration."""

    id: str
    title: str | None = None
    advice: str | None = None
    physics: str | None = None
    extra_minutes: float | None = None
    source: str | None = None
    limits: dict[str, list[Level]] = Field(default_factory=dict)
    material_limits: dict[str, dict[str, list[Level]]] = Field(default_factory=dict)
    standard_sizes: dict[str, Sizes] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _new_limits_need_a_source(self) -> "Override":
        if (self.limits or self.material_limits or self.standard_sizes) and self.source is None:
            raise ValueError("new limits or sizes need the source that they come from")
        return self


class SwitchedOff(Strict):
    """A rule that the shop does not want, and why."""

    id: str
    reason: str


class ShopFile(Strict):
    """One file of a shop: for one process, or with further materials, or both."""

    process: str | None = None
    configurations: dict[str, str] = Field(default_factory=dict)  # new name -> the configuration that it starts from
    sources: dict[str, Source] = Field(default_factory=dict)
    overrides: list[Override] = Field(default_factory=list)
    switched_off: list[SwitchedOff] = Field(default_factory=list)
    rules: list[Rule] = Field(default_factory=list)
    materials: list[Material] = Field(default_factory=list)

    @model_validator(mode="after")
    def _rules_are_of_a_process(self) -> "ShopFile":
        if self.process is None and (self.configurations or self.overrides or self.switched_off or self.rules):
            raise ValueError("process: a file with rules says for which process they are")
        return self


def laid_over(rules: RuleFile, shop: ShopFile, name: str) -> RuleFile:
    """The rules with a shop's changes. Raises RuleFileError, naming the file as `name`, where they do not fit."""
    by_id = {rule.id: rule.model_dump() for rule in rules.rules}
    for new, base in shop.configurations.items():
        if base not in rules.configurations:
            raise RuleFileError(f"{name}: configurations.{new}: there is no configuration {base!r} to start from")
        for rule in by_id.values():
            _start_configuration(rule, new, base)
    for place, override in enumerate(shop.overrides):
        if override.id not in by_id:
            raise RuleFileError(f"{name}: overrides[{place}].id: there is no rule {override.id!r}")
        _override(by_id[override.id], override)
    for place, off in enumerate(shop.switched_off):
        if by_id.pop(off.id, None) is None:
            raise RuleFileError(f"{name}: switched_off[{place}].id: there is no rule {off.id!r}")
    try:
        return RuleFile.model_validate(
            {
                "process": rules.process,
                "sources": {key: source.model_dump() for key, source in (rules.sources | shop.sources).items()},
                "configurations": [*rules.configurations, *shop.configurations],
                "rules": [*by_id.values(), *(rule.model_dump() for rule in shop.rules)],
                "switched_off": rules.switched_off | {off.id: off.reason for off in shop.switched_off},
            }
        )
    except ValidationError as error:
        raise RuleFileError(f"{name}: {places_of(error)}") from error


def _start_configuration(rule: dict[str, Any], new: str, base: str) -> None:
    by_configuration = [rule["limits"], rule["sources_by_limits"], rule["standard_sizes"], rule["variants"]]
    for table in (*by_configuration, *rule["material_limits"].values()):
        if base in table:
            table[new] = table[base]


def _override(rule: dict[str, Any], override: Override) -> None:
    given = override.model_dump(exclude_unset=True)
    for name in ("title", "advice", "physics", "extra_minutes"):
        if name in given:
            rule[name] = given[name]
    touched = {*override.limits, *override.standard_sizes}
    for material, limits in given.get("material_limits", {}).items():
        rule["material_limits"].setdefault(material, {}).update(limits)
        touched |= set(limits)
    for name in ("limits", "standard_sizes"):
        rule[name].update(given.get(name, {}))
    if override.source is not None:
        # Only the limits that are the shop's own are said to come from it.
        rule["sources_by_limits"].update(dict.fromkeys(sorted(touched or set(rule["limits"])), override.source))
