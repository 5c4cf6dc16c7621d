"""A stack whose processes may be killed at any rate, and how to find them."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.faults import campaign
from tests.stack.running import PROJECT, Stack
from tests.waiting import is_running, until


class RestlessStack(Stack):
    """The project's supervisord.conf with startsecs=0.

    As it stands, a program that is killed four times, each within ten seconds of its start, is FATAL, and
    that ends the stack by design: nothing tells such a program from one that cannot start. This one counts a
    program as running at once, and so is restarted at once, for ever. All else is the same.
    """

    def __init__(self, data: Path, **settings: str) -> None:
        text = (PROJECT / "supervisord.conf").read_text().replace("%(here)s", str(PROJECT))
        self.configuration = data / "supervisord.conf"
        self.configuration.write_text(text.replace("startsecs=10", "startsecs=0"))
        super().__init__(data, **settings)

    def start_again(self) -> None:
        """Start supervisord after it was killed, while its programs are still ending."""
        self.process.wait(10)
        self.process = self.start()


@contextmanager
def restless_stack(data: Path, **settings: str) -> Iterator[RestlessStack]:
    """A restless stack, ready; stopped in the end, with nothing left of it."""
    stack = RestlessStack(data, **settings)
    try:
        stack.wait_until_ready()
        yield stack
    finally:
        stack.stop()
        stack.api.close()
        if campaign.RESULTS:
            campaign.RESULTS.mkdir(parents=True, exist_ok=True)
            shutil.copy(stack.log, campaign.RESULTS / f"{data.name}.log")
    until(lambda: not _of(data), "nothing is left of the stack")


def _of(data: Path) -> list[psutil.Process]:
    """Every process that works on this data folder, orphans too."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.environ().get("RAPIDDRAFT_DATA_DIR") == str(data):
                found.append(process)
    return found


def _programs(stack: Stack, word: str) -> list[psutil.Process]:
    """supervisord's children that have `word` in their command line."""
    return [child for child in psutil.Process(stack.process.pid).children() if word in " ".join(child.cmdline())]


def _below(parents: list[psutil.Process]) -> list[psutil.Process]:
    return [child for parent in parents for child in parent.children()]


def _workers(stack: Stack) -> list[psutil.Process]:
    return _programs(stack, "-m workers")


def _fork_servers(stack: Stack) -> list[psutil.Process]:
    return [child for child in _below(_workers(stack)) if "forkserver" in " ".join(child.cmdline())]


KINDS: dict[str, Callable[[Stack], list[psutil.Process]]] = {
    "supervisord": lambda stack: [psutil.Process(stack.process.pid)],
    "gunicorn master": lambda stack: _programs(stack, "gunicorn"),
    "API worker": lambda stack: _below(_programs(stack, "gunicorn")),
    "worker": _workers,
    "fork server": _fork_servers,
    "sandbox child": lambda stack: _below(_fork_servers(stack)),
}


def processes(stack: Stack, kind: str) -> list[psutil.Process]:
    """The processes of one kind that run now; none if they are just changing."""
    try:
        return [process for process in KINDS[kind](stack) if is_running(process.pid)]
    except psutil.NoSuchProcess:
        return []
