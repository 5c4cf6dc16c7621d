"""The report: its verdicts, its exit status and its files."""

import argparse
import csv
import json
from pathlib import Path

import pytest

from loadtests.bench import Targets
from loadtests.report import Report, Row

FAST, SLOW = Row("fast", "≤ 1 ms", "0.5 ms", met=True), Row("slow", "≤ 1 ms", "2 ms", met=False)
WRONG = Row("errors", "none", "1", met=False, is_speed=False)
QUOTED = Row("memory", "quoted", "30 MB")


@pytest.mark.parametrize(
    ("rows", "speed_counts", "status"),
    [
        ([FAST, QUOTED], True, 0),
        ([FAST, SLOW], True, 1),
        ([FAST, SLOW], False, 0),
        ([FAST, WRONG], False, 1),
        ([], True, 1),
    ],
)
def test_the_exit_status(tmp_path: Path, rows: list[Row], speed_counts: bool, status: int) -> None:
    report = Report(tmp_path, "a test", speed_counts=speed_counts)
    report.add(rows)
    assert report.finish() == status


def test_html_csv_and_json_are_in_one_folder(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "now"
    report = Report(folder, "a test", speed_counts=True)
    report.add([FAST, SLOW])
    report.compare("beside", ["", "naive", "ours"], [["p99", "900 ms", "4 ms"]])
    report.finish(cores=2)
    assert {file.name for file in folder.iterdir()} == {"report.html", "report.csv", "report.json"}
    document = json.loads((folder / "report.json").read_text())
    assert [row["met"] for row in document["rows"]] == [True, False]
    assert document["cores"] == 2
    assert document["beside"] == [{"": "p99", "naive": "900 ms", "ours": "4 ms"}]
    with (folder / "report.csv").open() as file:
        assert [row["what"] for row in csv.DictReader(file)] == ["fast", "slow"]
    assert "900" in (folder / "report.html").read_text()


def test_a_target_can_be_changed_by_its_name() -> None:
    assert Targets().changed(["again_p50_ms=0", "upload_mb=7.5"]) == Targets(again_p50_ms=0.0, upload_mb=7.5)
    with pytest.raises(argparse.ArgumentTypeError, match="agian"):
        Targets().changed(["agian_p50_ms=0"])
