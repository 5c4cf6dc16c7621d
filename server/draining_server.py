"""uvicorn's server, which lets go of its clients without one of them noticing."""

import asyncio
import socket
from collections.abc import Callable

from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# How long a client may stay silent on an open connection and still have its next request answered.
IDLE_SECONDS = 2.0

_LOOK_SECONDS = 0.05


class DrainingServer(Server):
    """Stops in an order in which no request is lost.

    Nothing new is accepted; what waits is told to come to an end; each answer says `Connection: close`. Only then are
    the connections closed on which nothing was asked for IDLE_SECONDS. uvicorn closes idle ones at once, and with them
    those on which a request is just coming in.
    """

    def __init__(self, config: Config, on_drain: Callable[[], None]) -> None:
        """`on_drain` is called on the event loop when the server begins to stop."""
        super().__init__(config)
        self._on_drain = on_drain

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop; called by uvicorn after SIGTERM."""
        for server in self.servers:
            server.close()
        self.server_state.default_headers.append((b"connection", b"close"))
        for connection in self._connections():
            # As soon as it has its answer, which says so. One whose answer has begun already has not been told, and may
            # ask once more when that has come to its end.
            if connection.cycle and not connection.cycle.response_started:
                connection.shutdown()
        self._on_drain()
        deadline = asyncio.get_running_loop().time() + IDLE_SECONDS
        while self._connections() and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)
        await super().shutdown(sockets)

    def _connections(self) -> list[HttpToolsProtocol]:
        return [c for c in self.server_state.connections if isinstance(c, HttpToolsProtocol)]
