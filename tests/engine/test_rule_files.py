"""A rule file that does not fit is refused, with the place named."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from workers.rules import rule_book
from workers.rules.rule_book import load_rules
from workers.rules.rule_file import RuleFile, RuleFileError


def milling() -> dict[str, Any]:
    return tomllib.loads((rule_book.DATA / "cnc_milling.toml").read_text())


def test_the_file_as_shipped_fits() -> None:
    assert RuleFile.model_validate(milling()).process == "cnc_milling"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda f: f["rules"][0].update(source="nowhere"), "no source 'nowhere'"),
        (lambda f: f["rules"][0]["limits"].update(shop=[]), "no configuration"),
        (lambda f: f["rules"].append(f["rules"][0]), "defined twice"),
        (lambda f: f["rules"][0].pop("physics"), "physics"),
        (lambda f: f["rules"][0].update(advise="typo"), "advise"),
        (lambda f: f["rules"][0]["limits"]["default"][0].pop("value"), "needs a value"),
        (lambda f: f["rules"][0]["limits"]["default"][0].update(severity="dreadful"), "severity"),
        (lambda f: f["sources"]["hubs"].update(url=""), "says why"),
    ],
)
def test_a_faulty_file_is_refused(change: Callable[[dict[str, Any]], object], complaint: str) -> None:
    faulty = milling()
    change(faulty)
    with pytest.raises(ValidationError, match=complaint):
        RuleFile.model_validate(faulty)


def test_broken_toml_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cnc_milling.toml").write_text("process = ")
    monkeypatch.setattr(rule_book, "DATA", tmp_path)
    load_rules.cache_clear()
    with pytest.raises(RuleFileError, match=r"cnc_milling\.toml"):
        load_rules("cnc_milling")
    load_rules.cache_clear()
