"""Times each step of a coroutine on the event loop, and sees where one is that takes long."""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from server.observability.thread_clock import Moment, ThreadClock
from server.settings import PROJECT_ROOT

T = TypeVar("T")

LIMIT_SECONDS = 0.05

_LOOK_SECONDS = 0.01
# Frames of these tell nothing: they are below every request, or run this module.
_PLUMBING = (str(PROJECT_ROOT / "server" / "middleware"), __file__)
_OURS = tuple(str(PROJECT_ROOT / package) for package in ("server", "workers", "rapiddraft", "tests"))


@dataclass(frozen=True)
class Overrun:
    """A step that held up the event loop: for how long, and where it was when it was looked at."""

    seconds: float
    stack: traceback.StackSummary | None

    @property
    def call(self) -> str:
        """The innermost call, and the innermost of ours that led to it."""
        if not self.stack:
            return "a call that was over before it could be seen"
        ours = [frame for frame in self.stack if frame.filename.startswith(_OURS) and not _is_plumbing(frame)]
        named = dict.fromkeys(map(_place, [self.stack[-1], *ours[-1:]]))
        return ", called from ".join(named)


Report = Callable[[Overrun], None]
_report: ContextVar[Report] = ContextVar("report")


@dataclass
class _Step:
    report: Report
    began: Moment
    stack: traceback.StackSummary | None = None


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
        seconds = self._clock.own_seconds(self._step.began)
        return Overrun(seconds, self._step.stack) if seconds > LIMIT_SECONDS else None

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
        """Its look comes as soon as the step gives the GIL away, at the latest right after the call that held it."""
        while not self.loop.is_closed():
            time.sleep(_LOOK_SECONDS)
            step = self._step
            if step and step.stack is None and time.perf_counter() - step.began.elapsed > LIMIT_SECONDS / 2:
                frame = sys._current_frames().get(self._clock.thread_id)
                seen = traceback.StackSummary.extract(traceback.walk_stack(frame), lookup_lines=False)
                seen.reverse()
                if step is self._step:
                    step.stack = seen
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


def _is_plumbing(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith(_PLUMBING)


def _place(frame: traceback.FrameSummary) -> str:
    path = Path(frame.filename)
    name = path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path
    return f"{name}:{frame.lineno} {frame.name}"
