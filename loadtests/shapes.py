"""How many users there are at each moment: one shape for each question."""

from collections.abc import Callable
from typing import Any

from locust import LoadTestShape
from locust.user import User

from loadtests.users import Monitor, Overloader, Reviewer, Watcher

Tick = tuple[int, float, list[type[User]]]
MOST_RAMP_USERS = 30
SPAWN_A_SECOND = 50.0
OVERLOAD_SECONDS = 600.0  # reviewing what was accepted may take so long


def reviewers(seconds: float, options: Any) -> Tick | None:  # noqa: ANN401 - locust's options
    """So many reviewers from the beginning; a monitor with them, if they read."""
    kinds: list[type[User]] = [Reviewer, Monitor] if options.reads else [Reviewer]
    return _while(seconds < options.seconds, options.reviewers + len(kinds) - 1, kinds)


def ramp(seconds: float, options: Any) -> Tick | None:  # noqa: ANN401
    """From 1 reviewer to 30, beside the monitor."""
    users = 1 + int((MOST_RAMP_USERS - 1) * seconds / options.seconds)
    return _while(seconds < options.seconds, 1 + users, [Reviewer, Monitor])


def overload(seconds: float, options: Any) -> Tick | None:  # noqa: ANN401
    """A crowd that asks all at once; over when each has its answer."""
    goes_on = seconds < OVERLOAD_SECONDS and Overloader.crowd.done < options.crowd
    return _while(goes_on, options.crowd, [Overloader])


def steady(seconds: float, options: Any) -> Tick | None:  # noqa: ANN401
    """Some reviewers, a watcher and the monitor."""
    return _while(seconds < options.seconds, options.reviewers + 2, [Reviewer, Watcher, Monitor])


def _while(goes_on: bool, users: int, kinds: list[type[User]]) -> Tick | None:
    return (users, SPAWN_A_SECOND, kinds) if goes_on else None


SHAPES: dict[str, Callable[[float, Any], Tick | None]] = {
    "ten": reviewers, "ramp": ramp, "overload": overload, "steady": steady,
}  # fmt: skip


class Shape(LoadTestShape):
    """The one that was chosen. Locust takes the first class that it finds, so there is but one."""

    def tick(self) -> Tick | None:
        """Users, how many to start a second, and of which kinds; None ends the test."""
        if self.runner is None:
            return None
        options: Any = self.runner.environment.parsed_options
        return SHAPES[options.shape](self.get_run_time(), options)  # type: ignore[no-untyped-call]
