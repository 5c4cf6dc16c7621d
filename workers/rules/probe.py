"""Whether the rule files are fit for use: asked by the worker in a sandbox child, reported by /readyz."""

from collections.abc import Callable
from typing import Any

from workers.rules.quantities import QUANTITIES
from workers.rules.rule_file import DATA, PROCESSES, RuleFileError, load_rules, rules_digest


def rules_version(payload: dict[str, Any], report_stage: Callable[[str], None]) -> dict[str, str]:  # noqa: ARG001
    """Load every process's rules; returns the start of each file's digest by process.

    Raises RuleFileError if a file is faulty or names a quantity that nothing measures.
    """
    report_stage("rules")
    if not PROCESSES:
        raise RuleFileError(f"There are no rule files in {DATA}.")
    for process in PROCESSES:
        for rule in load_rules(process).rules:
            if rule.quantity not in QUANTITIES:
                raise RuleFileError(f"{process}.toml: rule {rule.id} needs {rule.quantity!r}, which nothing measures.")
    return {process: f"{process} {rules_digest(process)[:12]}" for process in PROCESSES}
