"""A process that has another's rules as well, such as drilling and milling on a lathe."""

from pydantic import ValidationError

from workers.rules.rule_file import RuleFile, RuleFileError, places_of


def with_included(rules: RuleFile, base: RuleFile, known: set[str], name: str) -> RuleFile:
    """`rules` with those of `base` behind them, but for the ones that `rules` excepts; `name` is its file's.

    `known` are the rules that `base` is shipped with: a shop may have switched some of them off. Raises
    RuleFileError if a rule excepted is none of them, or the two files give one name two meanings.
    """
    if unknown := sorted(set(rules.excepted) - known):
        raise RuleFileError(f"{name}: except: there are no rules {unknown} in {base.process}")
    for key in sorted(set(rules.sources) & set(base.sources)):
        if rules.sources[key] != base.sources[key]:
            raise RuleFileError(f"{name}: sources.{key}: {base.process} has another source of that name")
    more = [rule for rule in base.rules if rule.id not in rules.excepted]
    try:
        return RuleFile.model_validate(
            {
                "process": rules.process,
                "sources": {key: source.model_dump() for key, source in (base.sources | rules.sources).items()},
                "configurations": list(dict.fromkeys([*rules.configurations, *base.configurations])),
                "rules": [rule.model_dump() for rule in [*rules.rules, *more]],
                "switched_off": base.switched_off | rules.switched_off,
            }
        )
    except ValidationError as error:
        raise RuleFileError(f"{name}: {places_of(error)}") from error
