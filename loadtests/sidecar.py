"""An uptime monitor in a process of its own: GET /healthz every 10 ms, whatever else the machine is doing.

    python -m loadtests.sidecar http://127.0.0.1:8000 [--seconds 60]

Prints a line when it begins, and the milliseconds of each request as JSON when its time is over or it gets SIGTERM.
A new connection every second, so that all API processes get their turn. Turns that a slow answer made it miss count
too (`with_missed_turns`).
"""

import argparse
import gc
import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from loadtests.figures import Latencies, with_missed_turns
from loadtests.stopping import ended
from rapiddraft._parent_death import end_with_parent

EVERY_MS = 10.0
REQUESTS_A_CONNECTION = 100


class Sidecar:
    """The process, seen from the one that started it."""

    def __init__(self, host: str, seconds: float | None = None) -> None:
        command = [sys.executable, "-m", "loadtests.sidecar", host]
        self._process = subprocess.Popen(
            command if seconds is None else [*command, "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        self._process.stdout.readline()  # it has begun

    def result(self, *, stop: bool) -> Latencies:
        """What it measured, once its time is over, or at once. Raises RuntimeError if /healthz did not answer 200."""
        if stop:
            self._process.send_signal(signal.SIGTERM)
        output, _ = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError("/healthz failed; the sidecar said why on stderr")
        return Latencies.of(with_missed_turns(json.loads(output), EVERY_MS))

    def close(self) -> None:
        """Leave no process behind."""
        ended(self._process)


@contextmanager
def sidecar(host: str, seconds: float | None = None) -> Iterator[Sidecar]:
    """A sidecar that has begun, and is gone in the end."""
    running = Sidecar(host, seconds)
    try:
        yield running
    finally:
        running.close()


def main() -> None:
    """Ask until the time is over or SIGTERM comes."""
    arguments = _arguments()
    end_with_parent(signal.SIGTERM)
    stop = False

    def on_signal(_number: int, _frame: object) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    gc.disable()  # its own pauses are not what it is here to measure
    print("started", flush=True)  # noqa: T201 - for the one that started it
    until = time.perf_counter() + arguments.seconds
    latencies: list[float] = []
    while not stop and time.perf_counter() < until:
        connection = _connected(arguments.host)
        for _ in range(REQUESTS_A_CONNECTION):
            if stop or time.perf_counter() >= until:
                break
            started = time.perf_counter()
            latencies.append(_asked(connection))
            time.sleep(max(0.0, started + EVERY_MS / 1e3 - time.perf_counter()))
        connection.close()
    print(json.dumps(latencies))  # noqa: T201 - what it is for


def _connected(host: str) -> http.client.HTTPConnection:
    address = urlsplit(host)
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.netloc, timeout=60)
    connection.connect()
    return connection


def _asked(connection: http.client.HTTPConnection) -> float:
    started = time.perf_counter()
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    answer.read()
    if answer.status != http.client.OK:
        sys.exit(f"/healthz was answered {answer.status}")
    return (time.perf_counter() - started) * 1e3


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("host")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
