"""Running the locustfile without its web page, against a stack."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from loadtests.stopping import ended, ending_with_this
from tests.waiting import until

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
PROJECT = LOCUSTFILE.parent.parent
START_SECONDS, END_SECONDS = 60.0, 900.0


class Locust:
    """A test that runs; its HTML, CSV and JSON go to `folder`."""

    def __init__(self, host: str, token: str, folder: Path, shape: str, **options: object) -> None:
        """`options` are the locustfile's, with _ for -."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.shape = folder, shape
        named = {"host": host, "shape": shape, "results": folder, "csv": folder / shape, **options}
        named |= {"html": folder / f"{shape}.html", "stop_timeout": 60, "loglevel": "WARNING"}
        command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"]
        command += [f"--{name.replace('_', '-')}={value}" for name, value in named.items()]
        self._log = (folder / f"{shape}.log").open("w")
        self.process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, "RAPIDDRAFT_TOKEN": token},
            stdout=self._log,
            stderr=self._log,
            preexec_fn=ending_with_this(),
        )
        started = folder / "started"
        until(lambda: started.exists() or self.process.poll() is not None, "Locust starts", START_SECONDS)

    def result(self) -> dict[str, Any]:
        """What targets.py wrote, once the test is over. Raises RuntimeError if there is nothing."""
        self.process.wait(END_SECONDS)
        written = self.folder / f"{self.shape}.json"
        if not written.exists():
            raise RuntimeError(f"Locust failed; see {self._log.name}")
        document: dict[str, Any] = json.loads(written.read_text())
        return document

    def close(self) -> None:
        """Leave no process behind."""
        ended(self.process)
        self._log.close()


@contextmanager
def locust(host: str, token: str, folder: Path, shape: str, **options: object) -> Iterator[Locust]:
    """A test that has begun, and is gone in the end."""
    running = Locust(host, token, folder, shape, **options)
    try:
        yield running
    finally:
        running.close()
