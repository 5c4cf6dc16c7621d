"""The self-checks that /readyz reports."""

from pathlib import Path

import pytest

from workers.cad.probe import kernel_version
from workers.rules import probe, rule_book
from workers.rules.rule_file import RuleFileError


def test_the_kernel_names_itself() -> None:
    found = kernel_version({}, lambda _stage: None)
    assert found["kernel"] in ("OCP", "OCC.Core")
    assert found["version"][0].isdigit()


def test_the_rules_of_every_process_are_loaded() -> None:
    assert set(probe.rules_version({}, lambda _stage: None)) == set(rule_book.PROCESSES)


def test_a_rule_on_something_that_nothing_measures_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (rule_book.DATA / "cnc_milling.toml").read_text().replace('"hole_diameter"', '"hole_colour"')
    (tmp_path / "cnc_milling.toml").write_text(text)
    monkeypatch.setattr(rule_book, "DATA", tmp_path)
    rule_book.load_rules.cache_clear()
    with pytest.raises(RuleFileError, match="hole_colour"):
        probe.rules_version({}, lambda _stage: None)
    rule_book.load_rules.cache_clear()
