"""One JSON object a line on stdout, from every process, with the ids of what it is working on."""

import json
import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from pythonjsonlogger.json import JsonFormatter

# A write of at most PIPE_BUF bytes to a pipe is never torn or interleaved, and supervisord forwards
# what it reads: longer lines could be cut in two by another process's.
MAX_LINE_BYTES = 4096

_ids: ContextVar[Mapping[str, str]] = ContextVar("log_ids", default={})  # noqa: B039 - never mutated


@contextmanager
def log_ids(**ids: str | None) -> Iterator[None]:
    """Put `request_id`, `job_id`, `model_id`, … on every line that is logged inside the block."""
    token = _ids.set({**_ids.get(), **{name: value for name, value in ids.items() if value}})
    try:
        yield
    finally:
        _ids.reset(token)


def current_log_ids() -> dict[str, str]:
    """The ids that lines logged here carry, to hand on to another process."""
    return dict(_ids.get())


class JsonLines(JsonFormatter):
    """Formats a record as one JSON line of at most MAX_LINE_BYTES."""

    def __init__(self, process: str) -> None:
        super().__init__(json_ensure_ascii=False)
        self.process_name = process

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Fill `log_data` with the fixed fields, the ids, and whatever `extra=` brought."""
        super().add_fields(log_data, record, message_dict)
        extra = {
            name: value for name, value in log_data.items() if name not in ("message", "taskName", "color_message")
        }
        log_data.clear()
        log_data.update(
            time=self.formatTime(record),
            level=record.levelname,
            logger=record.name,
            message=record.getMessage(),
            pid=record.process,
            process=self.process_name,
            **_ids.get(),
        )
        log_data.update(extra)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802, ARG002
        """The record's time as RFC 3339 UTC with milliseconds."""
        moment = datetime.fromtimestamp(record.created, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def format(self, record: logging.LogRecord) -> str:
        """The line, its longest text shortened from the middle until it fits."""
        line = super().format(record)
        excess = len(line.encode()) + 1 - MAX_LINE_BYTES
        while excess > 0:
            line, excess = self._shortened(line, excess)
        return line

    @staticmethod
    def _shortened(line: str, excess: int) -> tuple[str, int]:
        fields = json.loads(line)
        name = max(fields, key=lambda key: len(str(fields[key])))
        text = str(fields[name])
        keep = max(0, len(text) - excess - 40) // 2
        fields[name] = f"{text[:keep]} …[cut]… {text[len(text) - keep :]}" if keep else "…[cut]…"
        line = json.dumps(fields, ensure_ascii=False)
        return line, len(line.encode()) + 1 - MAX_LINE_BYTES


class _WholeLineHandler(logging.Handler):
    """Writes each line with one write(2), so that lines of several processes never mix."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.descriptor = descriptor

    def emit(self, record: logging.LogRecord) -> None:
        try:
            os.write(self.descriptor, self.format(record).encode() + b"\n")
        except BrokenPipeError:
            return  # nobody reads the log any more; the work goes on
        except Exception:  # noqa: BLE001 - logging must never break what it reports on
            self.handleError(record)


def configure_logging(process: str, level: str = "INFO", descriptor: int = 1) -> None:
    """Send everything this process logs, uncaught exceptions included, to `descriptor` as JSON lines."""
    handler = _WholeLineHandler(descriptor)
    handler.setFormatter(JsonLines(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    logging.raiseExceptions = False
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _log_uncaught(kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("uncaught").critical("%s", error, exc_info=(kind, error or kind(), traceback))
