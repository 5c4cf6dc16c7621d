"""Runs inside supervisord: its log as JSON lines, and a stack that cannot run ends with a failure.

supervisord.conf names `make_plugin` as the factory of an RPC interface, which is supervisor's way to load
code of ours into it. The interface itself has no methods.

- What supervisord logs, and what the programs write, goes to stdout as one JSON object a line. The
  programs write JSON already; what else comes out of one (Python's own last words, a C library) is put
  into a JSON line here, so that nothing can spoil the log.
- supervisord would sit idle beside a program that it gave up on (FATAL). Instead it stops the others in
  order and exits with status 1, so that whatever runs it can start the whole again.
"""

import json
import logging
import os
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from supervisor import events
from supervisor.loggers import LevelsByName
from supervisor.loggers import LogRecord as SupervisorRecord
from supervisor.states import ProcessStates, SupervisorStates

from rapiddraft._parent_death import SUPERVISORD_PID
from server.observability.logging import JsonLines, configure_logging

logger = logging.getLogger("supervisord")

_STDOUT = 1
# The control socket needs none: its mode keeps others out.
_NO_AUTHENTICATION = "without any HTTP authentication checking"


def make_plugin(supervisord: Any, **_settings: str) -> object:  # noqa: ANN401 - supervisor has no types
    """Called by supervisord while it starts, with itself."""
    configure_logging("supervisord")
    os.environ[SUPERVISORD_PID] = str(os.getpid())
    supervisord.options.logger.handlers[:] = [_JsonHandler()]
    output = _ProgramOutput()
    events.subscribe(events.ProcessLogEvent, output.forward)
    events.subscribe(events.ProcessStateEvent, output.finish)
    events.subscribe(events.ProcessStateFatalEvent, lambda event: _give_up(supervisord.options, event))
    events.subscribe(events.SupervisorRunningEvent, lambda _event: _start_programs(supervisord))
    return object()


class _JsonHandler:
    """One of supervisor's log handlers; it hands records on to Python's logging."""

    level = LevelsByName.BLAT

    def emit(self, record: SupervisorRecord) -> None:
        message = record.asdict()["message"]
        if _NO_AUTHENTICATION not in message:
            logger.log(record.level, "%s", message)

    def close(self) -> None:
        """Nothing to close, remove or reopen: stdout stays."""

    remove = reopen = close


class _ProgramOutput:
    """Passes on what the programs write, whole lines only, each of them JSON."""

    def __init__(self) -> None:
        self._unfinished: dict[str, bytes] = {}

    def forward(self, event: Any) -> None:  # noqa: ANN401 - an event of supervisor's
        name = event.process.config.name
        whole, newline, rest = (self._unfinished.pop(name, b"") + event.data).rpartition(b"\n")
        if rest:
            self._unfinished[name] = rest
        if newline:
            _write(b"".join(_json_lines(whole.split(b"\n"), name, event.pid)))

    def finish(self, event: Any) -> None:  # noqa: ANN401
        """Pass on the last words of a program that ended in the middle of a line."""
        name = event.process.config.name
        if event.process.state not in (ProcessStates.STARTING, ProcessStates.RUNNING, ProcessStates.STOPPING):
            _write(b"".join(_json_lines([self._unfinished.pop(name, b"")], name, event.process.pid)))


def _json_lines(lines: list[bytes], program: str, pid: int) -> Iterator[bytes]:
    """`lines` with their ends; neighbours that are not JSON come as one JSON line together."""
    for is_json, group in groupby(lines, _is_json_object):
        if is_json:
            yield from (line + b"\n" for line in group)
        elif text := b"\n".join(group).decode(errors="backslashreplace").strip():
            yield _wrapped(text, program, pid)


def _is_json_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _wrapped(text: str, program: str, pid: int) -> bytes:
    record = logging.LogRecord(f"{program}.output", logging.WARNING, "", 0, "%s", (text,), None)
    record.process = pid
    return JsonLines(program).format(record).encode() + b"\n"


def _write(data: bytes) -> None:
    try:
        while data:
            data = data[os.write(_STDOUT, data) :]
    except OSError:
        # Nobody reads the log any more, or its disk is full. Raised, it would end supervisord's reading, and the
        # programs would stand still as soon as their pipes are full.
        return


def _start_programs(supervisord: Any) -> None:  # noqa: ANN401
    """Start the programs now; supervisord itself would first wait a second for something to happen."""
    for group in sorted(supervisord.process_groups.values()):
        group.transition()


def _give_up(options: Any, event: Any) -> None:  # noqa: ANN401
    """Stop everything and make supervisord exit with status 1."""
    if options.mood < SupervisorStates.RUNNING:
        return  # it is stopping anyway: supervisor calls programs FATAL that it stops while they restart
    name = event.process.config.name
    logger.critical("The program %s cannot run; stopping all.", name, extra={"program": name})
    options.mood = SupervisorStates.SHUTDOWN
    close_logger = options.close_logger

    def close_logger_and_fail() -> None:
        close_logger()
        raise SystemExit(1)

    # The last thing that supervisord's main() does, after everything has been stopped and removed.
    options.close_logger = close_logger_and_fail
