"""Take a part off a request in chunks: never whole in memory, and no other temporary file."""

import unicodedata
from collections.abc import AsyncIterator, Callable
from email.message import Message
from typing import TYPE_CHECKING

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool

from server.problems import Problem
from server.stores.model_store import IncomingPart

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

FIELD = "file"
DEFAULT_NAME = "part.step"
MAX_NAME_CHARACTERS = 200

# Fewer hops to the thread pool than one for each of the server's 64 KiB.
_WRITE_BYTES = 512 * 1024


async def receive(request: Request, part: IncomingPart) -> str:
    """Write the request's part file to `part`, and return its name for display.

    The event loop only gathers what arrives; it is parsed, hashed and written in the thread pool.
    Raises Problem, TooLargeError, NotAPartError, ClientDisconnect and OSError.
    """
    content_type, options = parse_options_header(request.headers.get("content-type"))
    if content_type == b"multipart/form-data":
        form = _Form(options.get(b"boundary"), part.write)
        await _hand_on(request.stream(), form.write)
        return form.name()
    await _hand_on(request.stream(), part.write)
    return _raw_name(request)


async def _hand_on(chunks: AsyncIterator[bytes], write: Callable[[bytes], None]) -> None:
    gathered: list[bytes] = []
    size = 0
    async for chunk in chunks:
        gathered.append(chunk)
        size += len(chunk)
        if size >= _WRITE_BYTES:
            await run_in_threadpool(lambda: write(b"".join(gathered)))
            gathered.clear()
            size = 0
    await run_in_threadpool(lambda: write(b"".join(gathered)))


class _Form:
    """A multipart/form-data body with one file in the field `file`; other fields are passed over."""

    def __init__(self, boundary: bytes | None, write_file: Callable[[bytes], None]) -> None:
        if not boundary:
            raise _broken("The Content-Type names no boundary.")
        self._write_file = write_file
        self._pieces: list[bytes] = []  # of the file; there may be one for each of its lines
        self._header = self._value = b""
        self._disposition: bytes | None = None
        self._in_file = False
        self._filename: bytes | None = None
        self._complete = False
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_end": self._on_end,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as error:
            raise _broken(str(error)) from error

    def write(self, chunk: bytes) -> None:
        """Take the next bytes of the body, and write those of the file. Blocks."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _broken(str(error)) from error
        self._write_file(b"".join(self._pieces))
        self._pieces.clear()

    def name(self) -> str:
        """The file's name, for display, once the body was written in full."""
        if not self._complete:
            raise _broken("The body ends before its closing boundary.")
        if self._filename is None:
            raise Problem(400, "no_file", f"The form has no file in a field named `{FIELD}`.")
        return display_name(_decoded(self._filename))

    def _on_part_begin(self) -> None:
        self._disposition = None
        self._in_file = False

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._in_file = options.get(b"name") == FIELD.encode()
        if not self._in_file:
            return
        if self._filename is not None:
            raise Problem(400, "several_files", "The form has several files; send one part a request.")
        self._filename = options.get(b"filename", b"")

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._pieces.append(data[start:end])

    def _on_end(self) -> None:
        self._complete = True


def _broken(detail: str) -> Problem:
    return Problem(400, "broken_multipart", f"The multipart body is broken: {detail}")


def _raw_name(request: Request) -> str:
    given = request.query_params.get("name")
    if given is None:
        header = Message()  # knows RFC 2231's filename*=
        header["Content-Disposition"] = request.headers.get("content-disposition", "")
        given = header.get_filename("")
    return display_name(given)


def _decoded(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")


def display_name(given: str) -> str:
    """A file name to show to people: no folders, no control or invisible characters, not too long."""
    base = given.replace("\\", "/").rpartition("/")[2]
    visible = "".join(character for character in base if not unicodedata.category(character).startswith("C"))
    name = " ".join(visible.split())
    stem, dot, extension = name.rpartition(".")
    if len(name) > MAX_NAME_CHARACTERS and dot and len(extension) <= 10:
        name = f"{stem[: MAX_NAME_CHARACTERS - len(extension) - 1]}.{extension}"
    return name[:MAX_NAME_CHARACTERS].strip(". ") or DEFAULT_NAME
