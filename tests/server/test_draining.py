"""A server that stops still answers who is connected."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from unittest import mock

from starlette.types import Receive, Scope, Send
from uvicorn import Config

from server.draining_server import DrainingServer

REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


class Application:
    """Answers at once, or for /wait when told to; for /stream it begins at once, and ends when told to."""

    def __init__(self) -> None:
        self.draining = asyncio.Event()
        self.waits = asyncio.Event()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["path"] == "/wait":
            self.waits.set()
            await self.draining.wait()
        status = 200 if scope["path"] == "/stream" else 204
        await send({"type": "http.response.start", "status": status, "headers": []})
        if scope["path"] == "/stream":
            await send({"type": "http.response.body", "body": b"begun", "more_body": True})
            await self.draining.wait()
        await send({"type": "http.response.body"})


@asynccontextmanager
async def serving(app: Application) -> AsyncIterator[tuple[DrainingServer, int]]:
    config = Config(app, http="httptools", lifespan="off", log_config=None, timeout_graceful_shutdown=5)
    server = DrainingServer(config, on_drain=app.draining.set)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server._serve([listener]))
        port = listener.getsockname()[1]
        while not server.started:
            await asyncio.sleep(0)
        try:
            yield server, port
        finally:
            server.should_exit = True
            await task


async def answer(reader: asyncio.StreamReader) -> str:
    return (await reader.readuntil(b"\r\n\r\n")).decode()


def test_an_idle_connection_has_its_next_request_answered() -> None:
    async def run() -> None:
        app = Application()
        async with serving(app) as (server, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST)
            assert "connection: close" not in await answer(reader)
            server.should_exit = True
            await app.draining.wait()
            writer.write(REQUEST)
            last = await answer(reader)
            assert last.startswith("HTTP/1.1 204")
            assert "connection: close" in last
            assert await reader.read() == b""
            writer.close()

    with mock.patch("server.draining_server.IDLE_SECONDS", 60):  # it does not wait for it: nobody is left
        asyncio.run(run())


def test_a_request_that_waits_is_told_and_its_connection_closed() -> None:
    async def run() -> None:
        app = Application()
        async with serving(app) as (server, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST.replace(b"/ ", b"/wait ", 1))
            await app.waits.wait()
            server.should_exit = True
            assert "connection: close" in await answer(reader)
            assert await reader.read() == b""
            writer.close()

    with mock.patch("server.draining_server.IDLE_SECONDS", 60):
        asyncio.run(run())


def test_after_a_stream_that_ends_its_connection_has_its_next_request_answered() -> None:
    async def run() -> None:
        app = Application()
        async with serving(app) as (server, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(REQUEST.replace(b"/ ", b"/stream ", 1))
            assert "connection: close" not in await answer(reader)
            server.should_exit = True
            assert (await reader.readuntil(b"0\r\n\r\n")).startswith(b"5\r\nbegun")
            writer.write(REQUEST)
            assert "connection: close" in await answer(reader)
            assert await reader.read() == b""
            writer.close()

    with mock.patch("server.draining_server.IDLE_SECONDS", 60):
        asyncio.run(run())


def test_a_silent_connection_does_not_keep_it_from_stopping() -> None:
    async def run() -> None:
        app = Application()
        async with serving(app) as (server, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            server.should_exit = True
            assert await reader.read() == b""
            writer.close()

    with mock.patch("server.draining_server.IDLE_SECONDS", 0.01):
        asyncio.run(run())
