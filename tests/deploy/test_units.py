"""deploy/systemd says what supervisord.conf says, systemd understands it, and our programs live with its limits."""

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from server.settings import PROJECT_ROOT
from tests.stack.test_stopping import programs

UNITS = PROJECT_ROOT / "deploy" / "systemd"
INSTALLED = "/opt/rapiddraft"
SERVICES = ["rapiddraft-worker.service", "rapiddraft-api.service"]
# systemd's own scale: 0 is shut, 100 is 10.0, an ordinary unit has 96.
MOST_EXPOSURE = 15

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The units as they would be if this very folder were the installation."""
    for unit in UNITS.iterdir():
        (tmp_path / unit.name).write_text(unit.read_text().replace(INSTALLED, str(PROJECT_ROOT)))
    return tmp_path


def directives(unit: str) -> dict[str, list[str]]:
    """Every directive of a unit, with its values in order."""
    found = defaultdict(list)
    for name, value in re.findall(r"^(\w+)=(.*)$", (UNITS / unit).read_text(), re.MULTILINE):
        found[name].append(value)
    return found


@needs_systemd
def test_systemd_understands_the_units(here: Path) -> None:
    command = ["systemd-analyze", "verify", "--recursive-errors=no", *(str(unit) for unit in here.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize("service", SERVICES)
def test_the_services_are_shut_in(here: Path, service: str) -> None:
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", str(here / service)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("program", ["worker", "api"])
def test_a_unit_says_what_supervisord_says(program: str) -> None:
    unit, section = directives(f"rapiddraft-{program}.service"), programs()[program]
    assert unit["ExecStart"] == [section["command"].replace('"', "").replace("%(here)s", INSTALLED)]
    assert unit["TimeoutStopSec"] == [section["stopwaitsecs"]]
    assert unit["KillSignal"] == [f"SIG{section['stopsignal']}"]
    assert unit["StartLimitBurst"] == [str(int(section["startretries"]) + 1)]


def test_the_api_stops_before_the_worker() -> None:
    assert "rapiddraft-worker.service" in directives("rapiddraft-api.service")["After"][0].split()
