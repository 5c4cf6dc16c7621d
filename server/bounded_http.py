"""uvicorn's HTTP, bounded: it knows no limit on headers, on connections, nor on how long clients take."""

import asyncio
import json
from asyncio import TimerHandle
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from server.problems import MEDIA_TYPE, TITLES
from server.settings import Settings, get_settings

MAX_HEADER_LINES = 100
MAX_HEADER_BYTES = 32 * 1024  # with the URL; the signed identity of a proxy takes 2 to 8 KiB

# Much may be on its way to a client, unseen by us, that does read, but over a slow line.
_READING_PATIENCES = 10


class BoundedHttp(HttpToolsProtocol):
    """One connection. Refuses with problem documents what never becomes a request, and then ends it.

    Ends it without an answer where the client stops reading what it asked for.
    """

    settings: Settings = get_settings()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a header, so long and no longer."""
        super().connection_made(transport)
        self._patience = self.settings.client_patience_seconds
        self._header_timer: TimerHandle | None = None
        self._writing_timer: TimerHandle | None = None
        self._begin_header()
        if len(self.connections) > self.settings.max_connections:
            self._refuse(503, "too_many_connections", "There are too many connections just now; try again.", retry=1)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        super().connection_lost(exc)
        self._stop(self._header_timer, self._writing_timer)

    def data_received(self, data: bytes) -> None:
        """Count what comes of a header until it is whole: a line that never ends is never handed on."""
        timer = self._header_timer
        super().data_received(data)
        if self.transport.is_closing():
            return
        if timer and timer is self._header_timer:
            self._pending += len(data)
            if self._pending > 2 * MAX_HEADER_BYTES:
                self._refuse_header()
        elif self._is_idle() and not (self._header_timer or self.timeout_keep_alive_task):
            self._begin_header()  # it was a blank line, or the rest of a body

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._begin_header()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a line, unless there are too many."""
        self._lines += 1
        self._bytes += len(name) + len(value)
        if self._lines <= MAX_HEADER_LINES:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the request if its header is of a sane size."""
        self._stop(self._header_timer)
        self._header_timer = None
        if self._lines > MAX_HEADER_LINES or self._bytes + len(self.url) > MAX_HEADER_BYTES:
            self._refuse_header()
        elif not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass on what belongs to a request that was started."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The same."""
        if not self.transport.is_closing():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(400, "bad_request", msg)

    def pause_writing(self) -> None:
        """The client does not read as fast as it is sent to."""
        super().pause_writing()
        self._writing_timer = self.loop.call_later(_READING_PATIENCES * self._patience, self.transport.abort)

    def resume_writing(self) -> None:
        """It has caught up."""
        super().resume_writing()
        self._stop(self._writing_timer)

    def _begin_header(self) -> None:
        self._lines = self._bytes = self._pending = 0
        if not self._header_timer:
            self._header_timer = self.loop.call_later(self._patience, self._on_header_late)

    def _on_header_late(self) -> None:
        self._header_timer = None
        if self._is_idle():
            self._refuse(408, "too_slow", "The header of a request did not come in time.")
        else:  # it is of a request behind another, which must get its answer
            self._begin_header()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _may_answer(self) -> bool:
        """Whether a refusal would be taken for the answer to what it refuses, not to a request before it."""
        return self._is_idle() or (self.cycle.more_body and not self.cycle.response_started)

    def _refuse_header(self) -> None:
        detail = f"A header may have {MAX_HEADER_LINES} lines and {MAX_HEADER_BYTES:,} bytes, with the URL."
        self._refuse(431, "header_too_large", detail)

    def _refuse(self, status: int, code: str, detail: str, *, retry: int | None = None) -> None:
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": TITLES[status],
            "status": status,
            "detail": detail,
            "code": code,
        }
        body = json.dumps(problem).encode()
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            f"content-type: {MEDIA_TYPE}",
            f"content-length: {len(body)}",
            *([f"retry-after: {retry}"] if retry else []),
            "connection: close",
        ]
        self.logger.info("refused a connection", extra={"status": status, "code": code})
        if self._may_answer():
            self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()

    @staticmethod
    def _stop(*timers: TimerHandle | None) -> None:
        for timer in timers:
            if timer:
                timer.cancel()
