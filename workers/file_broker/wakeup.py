"""Waking whoever waits, across processes: a unix datagram to every socket in a folder.

A datagram is only a hint that something may have changed. It can be missed (a full buffer, a removed
folder), so whoever waits also looks for itself now and then.
"""

import logging
import os
import secrets
import select
import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_log = logging.getLogger(__name__)
_SUFFIX = ".wake"


class Wakeup:
    """A socket of one's own in `folder` (made if absent, 0700), that `wake(folder)` sends hints to.

    Raises OSError if the folder cannot be made or written to.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / f"{os.getpid()}-{secrets.token_hex(6)}{_SUFFIX}"
        self._pid = os.getpid()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            with _Folder(folder) as short:
                self._socket.bind(short.address(self.path.name))
        except BaseException:
            self._socket.close()
            raise
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def fileno(self) -> int:
        """The descriptor to wait on in an event loop; call `drain` when it becomes readable."""
        return self._socket.fileno()

    def wait(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for a hint, take all there are, and say whether there was one."""
        return bool(self._poll.poll(max(0.0, timeout) * 1000)) and self.drain()

    def drain(self) -> bool:
        """Take all hints that have arrived, without waiting, and say whether there was one."""
        woken = False
        while True:
            try:
                self._socket.recv(16)
            except BlockingIOError:
                return woken
            woken = True

    def poke(self) -> None:
        """Send a hint to this one only, from any thread. Never blocks, never raises."""
        with suppress(OSError), _Folder(self.path.parent) as short:  # closed, or full of hints
            self._socket.sendto(b"\0", short.address(self.path.name))

    def close(self) -> None:
        """Remove the socket. In a forked child only the descriptor is closed: the name is the parent's."""
        self._socket.close()
        if os.getpid() == self._pid:
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def wake(folder: Path) -> None:
    """Send a hint to every `Wakeup` in `folder`. Never blocks, never raises; removes dead sockets."""
    try:
        with _Folder(folder) as short, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            for name in short.names():
                _send_hint(sender, short.address(name), folder / name)
    except FileNotFoundError:
        return  # nobody has ever waited here
    except OSError as error:
        _log.warning("Could not wake waiters in %s: %s", folder, error)


def _send_hint(sender: socket.socket, address: str, path: Path) -> None:
    try:
        sender.sendto(b"\0", socket.MSG_DONTWAIT, address)
    except ConnectionRefusedError:
        path.unlink(missing_ok=True)  # its owner was killed
    except (BlockingIOError, FileNotFoundError):
        return  # it has hints enough already, or has just been closed
    except OSError as error:
        _log.warning("Could not wake %s: %s", path, error)


class _Folder:
    """An open folder, through which its sockets have short names: an address holds at most 107 bytes."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def names(self) -> list[str]:
        return [name for name in os.listdir(self._descriptor) if name.endswith(_SUFFIX)]  # noqa: PTH208

    def address(self, name: str) -> str:
        return f"/proc/self/fd/{self._descriptor}/{name}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
