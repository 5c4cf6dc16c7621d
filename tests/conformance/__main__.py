"""Run the test suite of the installed Dramatiq against FileBroker and print what came of it.

    python -m tests.conformance [arguments of pytest]

The suite is in Dramatiq's source distribution. It is fetched from the package registry once, into
.cache/conformance, and never committed. Exits with 1 if a case failed that is not in `not_applicable`.
"""

import re
import shutil
import subprocess
import sys
import tarfile
from collections import Counter, defaultdict
from importlib.metadata import version
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from .not_applicable import CASES, FILES

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "conformance"
OURS = Path(__file__).with_name("test_middleware.py")
PACKAGE = {
    "__init__.py": "",
    "common.py": "from tests.conformance.common import *\n",
    "conftest.py": "from tests.conformance.fixtures import *\n",
}


def main() -> None:
    """Run the cases that apply; print a table by file."""
    suite = fetch(version("dramatiq"))
    check_names(suite)
    files = [file for file in sorted(suite.glob("test_*.py")) if file.name not in FILES]
    tally = Tally()
    paths = [str(file.relative_to(ROOT)) for file in [*files, OURS]]
    deselected = [f"--deselect={suite.relative_to(ROOT)}/{case}" for case in CASES]
    status = pytest.main(["-q", "-n", "4", "-p", "no:cacheprovider", *deselected, *paths, *sys.argv[1:]], [tally])
    tally.print(paths)
    raise SystemExit(status)


def fetch(release: str) -> Path:
    """The folder of the suite of this release of Dramatiq, made importable."""
    suite = CACHE / release / "dramatiq_tests"
    if not suite.exists():
        folder = CACHE / "download"
        shutil.rmtree(folder, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--quiet"]
        wanted = ["--no-deps", "--no-binary", ":all:", f"dramatiq=={release}", "--dest", str(folder)]
        subprocess.run([*pip, *wanted], check=True)
        [archive] = folder.glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        suite.parent.mkdir(parents=True, exist_ok=True)
        (folder / f"dramatiq-{release}" / "tests").rename(suite)
        shutil.rmtree(folder)
    for name, text in PACKAGE.items():
        (suite / name).write_text(text)
    return suite


def check_names(suite: Path) -> None:
    """Exit if the list of what does not apply names something that is not there."""
    files = {file.name: file.read_text() for file in suite.glob("test_*.py")}
    cases = {f"{name}::{case}" for name, text in files.items() for case in re.findall(r"^def (test_\w+)", text, re.M)}
    if unknown := (CASES.keys() | FILES.keys()) - cases - files.keys():
        raise SystemExit(f"not_applicable.py names what the suite does not have: {', '.join(sorted(unknown))}")


class Tally:
    """Counts the outcomes of the cases of each file."""

    def __init__(self) -> None:
        self.outcomes: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A case counts by its call, or by what went wrong around it."""
        outcome = str(report.outcome)  # of pytest-rerunfailures too, "rerun"
        if outcome != "rerun" and (report.when == "call" or not report.passed):
            self.outcomes[report.nodeid.partition("::")[0]][outcome] += 1

    def print(self, paths: list[str]) -> None:
        """Print the table."""
        table = Table("file", "run", "passed", "failed", "skipped", "not applicable")
        total = [0] * 5
        for path in paths:
            counts, name = self.outcomes[path], Path(path).name
            not_applicable = sum(case.startswith(f"{name}::") for case in CASES)
            row = [counts.total(), counts["passed"], counts["failed"], counts["skipped"], not_applicable]
            table.add_row(name, *map(str, row))
            total = [a + b for a, b in zip(total, row, strict=True)]
        table.add_section()
        table.add_row("all", *map(str, total))
        console = Console(width=140)
        console.print(table)
        console.print("Not applicable:")
        for name, reason in sorted((CASES | FILES).items()):
            console.print(f"  {name}: {reason}", highlight=False)


if __name__ == "__main__":
    main()
