"""What programs write under supervisord comes out as whole lines of JSON."""

import errno
import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from supervisor.states import ProcessStates, SupervisorStates

from rapiddraft import supervisor_plugin
from rapiddraft.supervisor_plugin import _give_up, _ProgramOutput


@dataclass
class Program:
    """A program of supervisord's, as an event carries it."""

    name: str = "api"
    state: int = ProcessStates.RUNNING
    pid: int = 7
    config: Any = field(init=False)

    def __post_init__(self) -> None:
        self.config = SimpleNamespace(name=self.name)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The lines that reach stdout, parsed."""
    lines: list[dict[str, Any]] = []
    monkeypatch.setattr(
        supervisor_plugin, "_write", lambda data: lines.extend(json.loads(line) for line in data.splitlines())
    )
    return lines


def output(program: Program, data: bytes) -> Any:  # noqa: ANN401 - one of supervisor's events
    return SimpleNamespace(process=program, pid=program.pid, data=data)


def test_json_passes_unchanged_and_lines_are_put_together(written: list[dict[str, Any]]) -> None:
    programs = _ProgramOutput()
    api, worker = Program("api"), Program("worker")
    programs.forward(output(api, b'{"a": 1}\n{"b"'))
    programs.forward(output(worker, b'{"c": 3}\n'))
    programs.forward(output(api, b": 2}\n"))
    assert written == [{"a": 1}, {"c": 3}, {"b": 2}]


def test_bare_text_becomes_one_json_line(written: list[dict[str, Any]]) -> None:
    text = b"Traceback:\n  File ...\nImportError: n\xf6 module\n"
    _ProgramOutput().forward(output(Program(), b'{"a": 1}\n' + text + b'{"b": 2}\n'))
    before, line, after = written
    assert (before, after) == ({"a": 1}, {"b": 2})
    assert line["message"] == "Traceback:\n  File ...\nImportError: n\\xf6 module"
    assert (line["process"], line["pid"], line["level"]) == ("api", 7, "WARNING")


def test_last_words_without_a_line_end_are_kept(written: list[dict[str, Any]]) -> None:
    programs, program = _ProgramOutput(), Program()
    programs.forward(output(program, b"Segmentation fault"))
    assert not written
    program.state = ProcessStates.EXITED
    programs.finish(SimpleNamespace(process=program))
    assert [line["message"] for line in written] == ["Segmentation fault"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EPIPE, errno.EIO])
def test_a_log_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fail(_descriptor: int, _data: bytes) -> int:
        raise OSError(code, "no")

    monkeypatch.setattr("os.write", fail)
    _ProgramOutput().forward(output(Program(), b'{"a": 1}\n'))


def test_giving_up_stops_all_and_fails_at_the_very_end() -> None:
    closed: list[bool] = []
    options = SimpleNamespace(mood=SupervisorStates.RUNNING, close_logger=lambda: closed.append(True))
    _give_up(options, SimpleNamespace(process=Program()))
    assert options.mood == SupervisorStates.SHUTDOWN
    with pytest.raises(SystemExit) as end:
        options.close_logger()
    assert (end.value.code, closed) == (1, [True])


def test_a_program_that_supervisord_stops_is_not_given_up() -> None:
    options = SimpleNamespace(mood=SupervisorStates.SHUTDOWN, close_logger=lambda: None)
    _give_up(options, SimpleNamespace(process=Program()))
    options.close_logger()
