"""What sandbox children run in these tests instead of the engine."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from workers.errors import PartError


def review(payload: dict[str, Any], report_stage: Callable[[str], None]) -> dict[str, Any]:
    """Does what the part file says in its comment; the second word may name a file to use for it."""
    report_stage("read")
    what, file = [*Path(payload["path"]).read_text().rpartition("/* ")[2].split(), ""][:2]
    match what:
        case "part_error":
            raise PartError("no_solid", "There is no solid in the file.", "Export a solid body.")
        case "crash":
            os.abort()
        case "bug":
            raise ZeroDivisionError("a bug in the engine")
        case "hang":
            Path(file).write_text(str(os.getpid()))
            time.sleep(600)
        case "lost_once" if not Path(file).exists():
            Path(file).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        case "kill_worker":
            fork_server = psutil.Process(os.getppid())
            os.kill(fork_server.ppid(), signal.SIGKILL)
            time.sleep(600)
        case "wait_for":
            while not Path(file).exists():
                time.sleep(0.01)
    report_stage("rules")
    return {"schema": "rapiddraft.review/1", "findings": [], "summary": {"verdict": "ok"}, "timings_ms": {"read": 1.5}}
