"""Processes that end with the one that started them, so that a `kill -9` leaves no orphans."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
# Set by our plugin in supervisord, and so known to its programs.
SUPERVISORD_PID = "SUPERVISORD_PID"


def end_with_supervisord() -> None:
    """Have this program of supervisord's asked to end (SIGTERM) when supervisord does; else no effect.

    If supervisord was killed while the program was still starting, this exits at once.
    """
    if pid := os.environ.get(SUPERVISORD_PID):
        end_with_parent(signal.SIGTERM, parent=int(pid))


def end_with_parent(signal_number: signal.Signals, parent: int | None = None) -> None:
    """Have the kernel send `signal_number` to this process when its parent ends.

    `parent` is the parent's process id where the caller knows it: a parent that ended before this call
    is then noticed, and this process exits at once. What the kernel watches is the thread that forked.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal_number)) != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    if parent is not None and os.getppid() != parent:
        sys.exit(f"The parent process {parent} is gone.")
