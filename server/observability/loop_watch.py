"""Times each step of a coroutine on the event loop, and sees where one is that takes long."""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import CodeType
from typing import Any, Generic, TypeVar

from server.observability.thread_clock import Moment, ThreadClock
from server.settings import PROJECT_ROOT

T = TypeVar("T")

LIMIT_SECONDS = 0.05

_LOOK_SECONDS = 0.01
# Frames of these tell nothing: they are below every request, or run this module.
_PLUMBING = (str(PROJECT_ROOT / "server" / "middleware"), __file__)
# There the loop waits for a processor that another thread should get: on a busy machine, no fault of the request's.
_STARTS_THREAD = threading.Thread.start.__code__
_OURS = tuple(str(PROJECT_ROOT / package) for package in ("server", "workers", "rapiddraft", "tests"))


@dataclass(frozen=True)
class Place:
    """A line that runs: innermost first, the lines that called it."""

    lines: tuple[tuple[CodeType, int], ...]

    @property
    def call(self) -> str:
        """The innermost call, and the innermost of ours that led to it."""
        ours = (line for line in self.lines if _is_ours(line[0]))
        return ", called from ".join(dict.fromkeys(map(_name, (self.lines[0], *islice(ours, 1)))))

    @property
    def starts_thread(self) -> bool:
        """Whether it waits for a new thread to begin."""
        return any(code is _STARTS_THREAD for code, _ in self.lines)

    @property
    def stack(self) -> str:
        """As a traceback has it."""
        summary = [(code.co_filename, line, code.co_name, None) for code, line in reversed(self.lines)]
        return "".join(traceback.StackSummary.from_list(summary).format())


@dataclass(frozen=True)
class Overrun:
    """A step that held up the event loop, and the place where it was for longest; None if it was not seen."""

    seconds: float
    place: Place | None


Report = Callable[[Overrun], None]
_report: ContextVar[Report] = ContextVar("report")


@dataclass
class _Step:
    report: Report
    began: Moment
    seen: dict[Place, float] = field(default_factory=dict)  # seconds at each place

    @property
    def place(self) -> Place | None:
        return max(self.seen, key=self.seen.__getitem__, default=None)

    @property
    def excused(self) -> float:
        """Seconds that were not the request's doing."""
        return sum(seconds for place, seconds in list(self.seen.items()) if place.starts_thread)


class LoopWatch:
    """Watches the running event loop, from its own thread and from one beside it that ends with the loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._clock = ThreadClock()
        self._step: _Step | None = None
        self.loop.set_task_factory(self._task)  # type: ignore[arg-type]  # which cannot say `context=`
        threading.Thread(target=self._look_at_long_steps, name="loop watch", daemon=True).start()

    async def run(self, coroutine: Coroutine[Any, Any, T], report: Report) -> T:
        """Await `coroutine`, and call `report` after each step over LIMIT_SECONDS, also of tasks that it starts."""
        token = _report.set(report)
        try:
            return await _Steps(self, coroutine, report)
        finally:
            _report.reset(token)

    def overrun(self) -> Overrun | None:
        """Whether the step that calls this has held up the loop already."""
        if self._step is None:
            return None
        seconds = self._clock.own_seconds(self._step.began) - self._step.excused
        return Overrun(seconds, self._step.place) if seconds > LIMIT_SECONDS else None

    def begin(self, report: Report) -> "_Step | None":
        """A step begins. Gives back the one around it, if there is one, for `end`."""
        around = self._step
        self._step = _Step(report, self._clock.now())
        return around

    def end(self, around: "_Step | None") -> None:
        """The step ends; one that held up the loop is reported."""
        step, overrun = self._step, self.overrun()
        self._step = around
        if step and overrun:
            step.report(overrun)

    def _task(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T], context: Context | None = None
    ) -> "asyncio.Task[T]":
        report = context.get(_report) if context else _report.get(None)
        if not report:
            return asyncio.Task(work, loop=loop, context=context)
        task = asyncio.Task(self.run(work, report), loop=loop, context=context)
        task.add_done_callback(lambda _: work.close())  # one that is cancelled before its first step
        return task

    def _look_at_long_steps(self) -> None:
        """Sees a call that holds the GIL right after it: then the step must give it away."""
        looked = time.perf_counter()
        while not self.loop.is_closed():
            time.sleep(_LOOK_SECONDS)
            step, now = self._step, time.perf_counter()
            if step and now - step.began.elapsed > _LOOK_SECONDS:
                # Nothing here may give the GIL away before it is done, or the step would be elsewhere by then.
                frames = traceback.walk_stack(sys._current_frames()[self._clock.thread_id])
                place = Place(tuple((frame.f_code, line) for frame, line in frames))
                step.seen[place] = step.seen.get(place, 0.0) + now - max(looked, step.began.elapsed)
            looked = now
        self._clock.close()


class _Steps(Generic[T]):
    """Awaits a coroutine step by step: from where it goes on until it waits again."""

    def __init__(self, watch: LoopWatch, coroutine: Coroutine[Any, Any, T], report: Report) -> None:
        self.watch = watch
        self.coroutine = coroutine
        self.report = report

    def __await__(self) -> Generator[Any, Any, T]:
        go_on, value = self.coroutine.send, None
        while True:
            around = self.watch.begin(self.report)
            try:
                awaited = go_on(value)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            finally:
                self.watch.end(around)
            try:
                go_on, value = self.coroutine.send, (yield awaited)
            except BaseException as error:  # noqa: BLE001 - it is the coroutine's to handle
                go_on, value = self.coroutine.throw, error


def _is_ours(code: CodeType) -> bool:
    return code.co_filename.startswith(_OURS) and not code.co_filename.startswith(_PLUMBING)


def _name(line: tuple[CodeType, int]) -> str:
    code, number = line
    path = Path(code.co_filename)
    name = path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path
    return f"{name}:{number} {code.co_name}"
