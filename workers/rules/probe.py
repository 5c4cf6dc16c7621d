"""Whether the rule files are fit for use: asked by the worker in a sandbox child, reported by /readyz."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from workers.rules.evaluate import check_quantities
from workers.rules.rule_book import DATA, PROCESSES, load_materials, load_rules, rules_digest
from workers.rules.rule_file import RuleFileError


def rules_version(payload: dict[str, Any], report_stage: Callable[[str], None]) -> dict[str, str]:
    """Load every process's rules with the shop's own at `payload["rules"]`; returns the start of each digest.

    Raises RuleFileError if a file is faulty or names a quantity that nothing measures.
    """
    report_stage("rules")
    if not PROCESSES:
        raise RuleFileError(f"There are no rule files in {DATA}.")
    own = own_rules(payload)
    load_materials(own)
    for process in PROCESSES:
        check_quantities(load_rules(process, own))
    return {process: f"{process} {rules_digest(process, own)[:12]}" for process in PROCESSES}


def own_rules(payload: dict[str, Any]) -> Path | None:
    """Where a shop's own rules are, as the sandbox is told."""
    return Path(payload["rules"]) if payload.get("rules") else None
