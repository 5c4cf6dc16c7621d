"""Ending what was started: on every way out, Ctrl-C, SIGTERM and `kill -9` included."""

import os
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from typing import Any

import psutil

from rapiddraft._parent_death import end_with_parent

STOP_SECONDS = 40.0


def interrupt_on_signals() -> None:
    """Have SIGTERM, SIGHUP and the end of `make` end this program as Ctrl-C does: by KeyboardInterrupt, cleaning up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    # Not with a shell: who put this into the background may leave.
    if psutil.Process(os.getppid()).name() == "make":
        end_with_parent(signal.SIGTERM)


def ending_with_this() -> Callable[[], None]:
    """For `preexec_fn`: have the child asked to end (SIGTERM) when the thread that starts it does, however it ends."""
    return partial(end_with_parent, signal.SIGTERM, parent=os.getpid())


def ended(process: "subprocess.Popen[Any]") -> int:
    """Ask the process to end, if it has not, and kill it if it does not; its exit status."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
