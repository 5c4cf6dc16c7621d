"""Ending what was started: on every way out, Ctrl-C and SIGTERM included."""

import signal
import subprocess
from typing import Any

STOP_SECONDS = 40.0


def interrupt_on_signals() -> None:
    """Have SIGTERM and SIGHUP end this program as Ctrl-C does: with a KeyboardInterrupt, so that it cleans up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def ended(process: "subprocess.Popen[Any]") -> int:
    """Ask the process to end, if it has not, and kill it if it does not; its exit status."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
