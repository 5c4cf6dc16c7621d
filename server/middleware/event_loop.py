"""Debug mode: a request that holds up the event loop fails, and says by which call."""

import asyncio
import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.observability.loop_watch import LIMIT_SECONDS, LoopWatch, Overrun
from server.problems import Problem, problem_response

log = logging.getLogger(__name__)


class EventLoopBlockedError(Exception):
    """A request held up the event loop."""


class EventLoopGuard:
    """Answers 500 to a request a step of which blocks the loop for more than LIMIT_SECONDS.

    If its answer has begun by then, the connection is broken off. It belongs outside of what handles bugs.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._watch: LoopWatch | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        watch = self._watch_of_this_loop()
        blocked: list[EventLoopBlockedError] = []
        answer_begun = False

        def report(overrun: Overrun) -> None:
            if not blocked:
                blocked.append(_error(scope, overrun))

        async def send_if_not_blocked(message: Message) -> None:
            nonlocal answer_begun
            if overrun := watch.overrun():
                report(overrun)
            if blocked:
                raise blocked[0]
            answer_begun = True
            await send(message)

        try:
            await watch.run(self.app(scope, receive, send_if_not_blocked), report)  # type: ignore[arg-type]
        except Exception:
            if not blocked:
                raise
        if not blocked:
            return
        if answer_begun:
            raise blocked[0]
        await problem_response(scope, _problem(blocked[0]))(scope, receive, send)

    def _watch_of_this_loop(self) -> LoopWatch:
        if self._watch is None or self._watch.loop is not asyncio.get_running_loop():
            self._watch = LoopWatch()
        return self._watch


def _error(scope: Scope, overrun: Overrun) -> EventLoopBlockedError:
    milliseconds = round(overrun.seconds * 1000)
    call = overrun.place.call if overrun.place else "calls that were over before they could be seen"
    error = EventLoopBlockedError(f"The event loop was blocked for {milliseconds} ms by {call}.")
    log.error(
        "the event loop was blocked",
        extra={
            "method": scope["method"],
            "path": scope["path"],
            "blocked_ms": milliseconds,
            "call": call,
            "stack": overrun.place.stack if overrun.place else "",
        },
    )
    return error


def _problem(error: EventLoopBlockedError) -> Problem:
    return Problem(
        500,
        "event_loop_blocked",
        str(error),
        title="The event loop was blocked",
        advice=f"Have work of more than {LIMIT_SECONDS * 1000:.0f} ms, and work on files, done in the thread pool.",
    )
