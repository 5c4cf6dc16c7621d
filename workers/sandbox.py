"""Child processes with limits: the only place where CAD work happens.

The kernel can crash, hang or eat memory on a bad file, and holds Python's GIL all the while. So each job
gets a process of its own, forked in a few milliseconds from a *fork server* that has the kernel imported
and never computes. The thread that waits for the child watches its resident memory and the clock, and
kills it at a limit; nothing else notices.

Why not `pebble`, which has a pool of such processes: its workers live on from job to job, so one job's
memory and global state reach the next; all of them talk through one channel under one lock, which stalls
the neighbours while a stuck worker is stopped; it knows time-outs but not memory, and hides the process
id that watching memory needs. A child a job on the standard library's fork server needs none of that.

The fork server and its preload list are one per process (multiprocessing keeps them), and so should a
`Sandbox` be.
"""

import json
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import forkserver, util
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

import psutil

from server.observability.logging import current_log_ids
from workers import _sandbox_child
from workers._sandbox_child import Order, address_space, child_main
from workers.errors import PartError

logger = logging.getLogger(__name__)

WATCH_INTERVAL_SECONDS = 0.05
# The address space that a child may add, in units of its memory limit: far enough behind the limit on
# resident memory that the latter is met first, near enough that one absurd allocation fails.
ADDRESS_SPACE_FACTOR = 1.5
_NEARLY = 0.9
# The share of its time that a child must have waited for a processor to be excused for its time-out.
_STARVED = 0.25
_READ_BYTES = 1 << 20  # more than a pipe holds
_END_SECONDS = 10.0
# What multiprocessing reports when the fork server went away before it could tell the exit code.
_EXIT_CODE_UNKNOWN = 255
_KILLED_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM)

# Starting a child and asking for an exit code both poll *all* children in multiprocessing, and two threads
# that poll one child take the exit code from each other.
_multiprocessing_lock = threading.Lock()


@dataclass(frozen=True)
class Limits:
    """What a child may use: wall-clock seconds, resident memory in bytes, and how nice it must be."""

    deadline_seconds: float
    memory_bytes: int
    nice: int = 10


class SandboxError(Exception):
    """The child brought no result. `stage` is the last one it reported, or "start"."""

    code = "internal_error"

    def __init__(self, message: str, stage: str) -> None:
        super().__init__(message)
        self.stage = stage


class ChildCrashed(SandboxError):  # noqa: N818
    """The child ended without a result, most likely by a fault in the kernel."""

    code = "kernel_crashed"


class ChildTimedOut(SandboxError):  # noqa: N818
    """The child was ended at its deadline."""

    code = "timed_out"


class ChildStarved(ChildTimedOut):
    """As ChildTimedOut, but the machine had too little time for the child: worth another try."""


class ChildStopped(SandboxError):  # noqa: N818
    """The child was ended because its caller wants it no longer."""

    code = "cancelled"


class ChildOutOfMemory(SandboxError):  # noqa: N818
    """The child was ended at its memory limit, or found none left."""

    code = "out_of_memory"


class ChildLost(SandboxError):  # noqa: N818
    """The child was taken away from outside, through no fault of its own: worth another try."""

    code = "worker_lost"


class ChildFailed(SandboxError):  # noqa: N818
    """The target raised an exception; `traceback` is its text."""

    code = "internal_error"

    def __init__(self, message: str, stage: str, traceback: str) -> None:
        super().__init__(message, stage)
        self.traceback = traceback


@dataclass
class RunningChild:
    """A child at its work: for which job, if for one, and in which stage."""

    pid: int
    job_id: str | None
    since: datetime
    stage: str = "start"


class Sandbox:
    """Runs functions in child processes with limits. Any number of threads may call `run` at once."""

    def __init__(self, preload: Sequence[str]) -> None:
        """`preload` names the modules that the fork server imports once, for all children.

        They must start no thread: a fork would lose it. The fork server starts at the first `run`.
        """
        for library in ("OPENBLAS", "OMP", "MKL"):
            os.environ.setdefault(f"{library}_NUM_THREADS", "1")
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([_sandbox_child.__name__, *preload])
        self._running: dict[int, RunningChild] = {}

    def run(
        self,
        target: str,
        payload: dict[str, Any],
        limits: Limits,
        *,
        on_stage: Callable[[str], None] | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> Any:  # noqa: ANN401 - JSON
        """Call `target` ("module:function") in a fresh child and return what it returns.

        The function is called with `payload` and a function to report stages with, each of which is handed
        on to `on_stage` in this thread; what it returns must be JSON. If `on_stage` raises, the child is
        killed and the exception goes on to the caller. `should_stop` is asked every WATCH_INTERVAL_SECONDS
        in this thread, so it must be quick; once it says yes, the child is killed.

        Raises PartError if the target does, and else ChildCrashed, ChildTimedOut, ChildStarved,
        ChildOutOfMemory, ChildStopped, ChildLost or ChildFailed.
        """
        child = _start(self._context, target, payload, limits)
        running = RunningChild(child.pid, current_log_ids().get("job_id"), datetime.now(UTC))
        self._running[child.pid] = running
        ending = "interrupted"

        def next_stage(stage: str) -> None:
            running.stage = stage
            if on_stage:
                on_stage(stage)

        try:
            value = child.result(limits, next_stage, should_stop or _never)
            ending = "result"
            return value
        except PartError as error:
            ending = error.code
            raise
        except SandboxError as error:
            ending = error.code
            raise
        finally:
            del self._running[child.pid]
            child.end()
            child.log_end(ending)

    def running(self) -> list["RunningChild"]:
        """The children that run now."""
        return list(self._running.values())

    def close(self) -> None:
        """End the fork server, any children and its socket's folder with it. A later `run` would start it anew."""
        with _multiprocessing_lock:
            _remove_socket_folder()  # first: else the fork server does it as it ends, and multiprocessing would stumble
            with suppress(FileNotFoundError):
                forkserver._forkserver._stop()  # type: ignore[attr-defined]


def _remove_socket_folder() -> None:
    """What multiprocessing would do when Python exits in the ordinary way, which a worker does not."""
    for finalizer in list(util._finalizer_registry.values()):  # type: ignore[attr-defined]
        if finalizer._callback is util._remove_temp_dir:  # type: ignore[attr-defined]
            finalizer()


@contextmanager
def _main_of_no_module() -> Iterator[None]:
    """Keep multiprocessing from running the program's script or module again in the child, which needs nothing of it.

    Importing it there would cost each child what the program takes to start.
    """
    main = sys.modules["__main__"]
    kept: dict[str, Any] = {name: vars(main).pop(name) for name in ("__file__", "__spec__") if name in vars(main)}
    main.__spec__ = None
    try:
        yield
    finally:
        vars(main).update(kept)


def _never() -> bool:
    return False


def _start(context: ForkServerContext, target: str, payload: dict[str, Any], limits: Limits) -> "_Child":
    order = Order(
        target=target,
        payload=payload,
        nice=limits.nice,
        address_space_bytes=int(limits.memory_bytes * ADDRESS_SPACE_FACTOR),
        log_ids=current_log_ids(),
        log_level=logging.getLogger().getEffectiveLevel(),
        log_descriptor=_log_descriptor(),
    )
    try:
        return _Child(context, order)
    except (OSError, EOFError):
        logger.warning("The fork server is gone; starting another.")
    try:
        return _Child(context, order)
    except (OSError, EOFError) as error:
        raise ChildLost("The sandbox could not start a child process.", "start") from error


def _log_descriptor() -> int | None:
    """Where this process writes its JSON log lines, or None if it does not."""
    descriptors = (getattr(handler, "descriptor", None) for handler in logging.getLogger().handlers)
    return next((descriptor for descriptor in descriptors if descriptor is not None), None)


class _Child:
    """A running child, as seen by the thread that waits for it."""

    def __init__(self, context: ForkServerContext, order: Order) -> None:
        self.stage = "start"
        self.peak_memory = 0
        self.peak_address_space = 0
        self._started = time.monotonic()
        self._line: list[bytes] = []
        self._pipe, childs_end = context.Pipe(duplex=False)
        self._process: ForkServerProcess = context.Process(target=child_main, args=(order, childs_end), daemon=True)
        try:
            with _multiprocessing_lock, _main_of_no_module():
                self._process.start()
        except BaseException:
            self._pipe.close()
            raise
        finally:
            childs_end.close()
        os.set_blocking(self._pipe.fileno(), False)
        self.pid: int = self._process.pid or 0
        self._watched = _process(self.pid)
        self._sentinel = self._process.sentinel
        self._address_space_limit = order.address_space_bytes
        self._first_address_space = self._measured_address_space()

    def result(self, limits: Limits, on_stage: Callable[[str], None], should_stop: Callable[[], bool]) -> Any:  # noqa: ANN401 - JSON
        """Wait for the outcome within `limits`; return the result or raise what `Sandbox.run` says."""
        deadline = self._started + limits.deadline_seconds
        waiting: list[Connection | int] = [self._pipe, self._sentinel]
        while True:
            # Asked before reading: what an ended child wrote is all there to read.
            ended = self._sentinel in wait(waiting, WATCH_INTERVAL_SECONDS)
            chunk = self._read()
            for message in self._messages(chunk or b""):
                if "stage" in message:
                    self.stage = message["stage"]
                    on_stage(self.stage)
                else:
                    return self._value(message)
            if ended:
                raise self._unexpected_end(limits)
            if should_stop():
                raise ChildStopped("The review is wanted no longer.", self.stage)
            if not ended:
                self._enforce(limits, deadline)
            if chunk == b"":
                waiting = [self._sentinel]

    def end(self) -> None:
        """Kill the child if it still runs, and forget it. What it had to say was heard."""
        self._kill()
        wait([self._sentinel], _END_SECONDS)
        with _multiprocessing_lock:
            if self._process.exitcode is not None:
                self._process.close()
        self._pipe.close()

    def log_end(self, ending: str) -> None:
        logger.info(
            "Sandbox child ended: %s.",
            ending,
            extra={
                "child_pid": self.pid,
                "stage": self.stage,
                "duration_ms": round((time.monotonic() - self._started) * 1000),
                "peak_memory_mb": round(self.peak_memory / 2**20),
            },
        )

    def _read(self) -> bytes | None:
        """The next bytes from the child; empty at the end, None if there are none yet."""
        try:
            return os.read(self._pipe.fileno(), _READ_BYTES)
        except BlockingIOError:
            return None

    def _messages(self, chunk: bytes) -> Iterator[dict[str, Any]]:
        first, *others = chunk.split(b"\n")
        self._line.append(first)
        for piece in others:
            line = b"".join(self._line)
            self._line = [piece]
            yield json.loads(line)

    def _value(self, message: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        self.peak_memory = max(self.peak_memory, message["peak_memory"])
        match message["outcome"]:
            case "result":
                return message["value"]
            case "part_error" if not self._address_space_nearly_used_up():
                raise PartError(message["code"], message["detail"], message["advice"])
            case "failed":
                raise ChildFailed(message["message"], self.stage, message["traceback"])
            case _:  # short of memory, the kernel may say that it cannot read the part
                raise ChildOutOfMemory("The part needed more memory than a review may use.", self.stage)

    def _enforce(self, limits: Limits, deadline: float) -> None:
        with suppress(psutil.NoSuchProcess):
            memory = self._watched.memory_info().rss if self._watched else 0
            self.peak_memory = max(self.peak_memory, memory)
            self.peak_address_space = max(self.peak_address_space, self._measured_address_space())
            if memory > limits.memory_bytes:
                raise ChildOutOfMemory(
                    f"The review used more than {limits.memory_bytes / 2**20:.0f} MiB of memory.", self.stage
                )
        if time.monotonic() > deadline:
            raise self._overdue(limits)

    def _overdue(self, limits: Limits) -> ChildTimedOut:
        message = f"The review took longer than {limits.deadline_seconds:g} s"
        waited = _seconds_waited_for_a_processor(self.pid)
        if waited < _STARVED * limits.deadline_seconds:
            return ChildTimedOut(f"{message}.", self.stage)
        return ChildStarved(f"{message}, {waited:.1f} s of them waiting for a processor.", self.stage)

    def _measured_address_space(self) -> int:
        try:
            return address_space(self.pid)
        except OSError:  # it has just ended
            return 0

    def _address_space_nearly_used_up(self) -> bool:
        return self.peak_address_space - self._first_address_space > _NEARLY * self._address_space_limit

    def _unexpected_end(self, limits: Limits) -> SandboxError:
        with _multiprocessing_lock:
            exit_code = self._process.exitcode
        if exit_code is None or exit_code == _EXIT_CODE_UNKNOWN:
            return ChildLost("The sandbox's fork server went away.", self.stage)
        if exit_code in _KILLED_FROM_OUTSIDE:
            return ChildLost("The child process was killed from outside.", self.stage)
        if self._address_space_nearly_used_up() or self.peak_memory > _NEARLY * limits.memory_bytes:
            return ChildOutOfMemory("The review ran out of memory.", self.stage)
        how = signal.Signals(-exit_code).name if exit_code < 0 else f"exit status {exit_code}"
        return ChildCrashed(f"The CAD kernel crashed on this part ({how}).", self.stage)

    def _kill(self) -> None:
        with suppress(psutil.NoSuchProcess):
            if self._watched:
                self._watched.kill()


def _seconds_waited_for_a_processor(pid: int) -> float:
    """How long the process was ready to run and did not; 0 where the system does not tell."""
    try:
        _ran, waited, *_ = Path(f"/proc/{pid}/schedstat").read_text().split()
    except (OSError, ValueError):
        return 0.0
    return int(waited) / 1e9


def _process(pid: int) -> psutil.Process | None:
    """The process `pid`, safe to kill later: psutil tells it from another that was given its number."""
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None
