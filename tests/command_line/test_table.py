"""The table of a review in the terminal."""

from io import StringIO
from typing import Any

from rich.console import Console

from rapiddraft.table import review_table
from tests.engine.reviewing import reviewed
from tests.parts import block, bracket, drill


def printed(review: dict[str, Any], width: int = 160) -> str:
    out = StringIO()
    Console(file=out, width=width).print(review_table(review))
    return out.getvalue()


def test_findings_that_are_alike_share_a_line() -> None:
    part = block(60.0, 40.0, 30.0).cut(*(drill(5.0, 25.0, (x, 20.0, 30.0)) for x in (15.0, 30.0, 45.0)))
    text = printed(reviewed(part))
    assert text.count("Deep hole") == 1
    assert "Deep hole (3 times)" in text


def test_measure_limit_change_and_source_are_shown() -> None:
    text = printed(reviewed(bracket()))
    for word in ("Thin wall", "0.6", "< 0.8", "thicken it by 0.20 mm", "https://www.hubs.com/", "Verdict: redesign"):
        assert word in text


def test_a_narrow_terminal_still_shows_every_column() -> None:
    text = printed(reviewed(bracket()), width=80)
    for heading in ("Finding", "Severity", "Measured", "Faces", "Source"):
        assert heading in text


def test_a_part_without_findings() -> None:
    assert "No findings." in printed(reviewed(block(60.0, 40.0, 30.0)))


def test_the_material_and_what_is_not_decided_are_shown_in_80_columns() -> None:
    part = block(60.0, 40.0, 30.0).cut(drill(5.0, 10.0, (30.0, 20.0, 30.0)))
    text = printed(reviewed(part, material="abs"), width=80)
    assert "material: ABS" in text
    assert "Not decided:" in text and "thread-depth" in text and "no thread is declared" in text
    assert max(map(len, text.splitlines())) <= 80
    assert "not given, limits for metal" in " ".join(printed(reviewed(part), width=80).split())


def test_nothing_is_said_of_undecided_rules_where_all_are_decided() -> None:
    assert "Not decided" not in printed(reviewed(bracket()) | {"undecided": []})
