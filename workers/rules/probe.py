"""Whether the rules are as they should be: asked by the worker in a sandbox child, reported by /readyz."""

from collections.abc import Callable
from typing import Any

from workers.rules.rule_file import PROCESSES, load_rules


def rules_version(payload: dict[str, Any], report_stage: Callable[[str], None]) -> dict[str, str]:  # noqa: ARG001
    """Load the rules of every process, and return how many there are. Raises RuleFileError."""
    report_stage("rules")
    return {process: f"{len(load_rules(process).rules)} {process} rules" for process in PROCESSES}
