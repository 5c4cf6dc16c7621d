"""A crash between any two file operations, in this process: what was done stays, and nothing more is done."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from io import FileIO
from typing import Any
from unittest import mock

OPERATIONS = ("fsync", "ftruncate", "link", "mkdir", "rename", "replace", "rmdir", "unlink")


class CrashError(BaseException):
    """The process ended here."""


class CrashAfter:
    """Lets so many file operations through, and from then on none: a dead process does not clean up either."""

    def __init__(self, operations: int) -> None:
        self.left = operations
        self.crashed = False

    def step(self) -> None:
        self.crashed = self.crashed or self.left <= 0
        if self.crashed:
            raise CrashError
        self.left -= 1

    def counted(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - as the real one
            self.step()
            return real(*args, **options)

        return call

    def write(self, file: FileIO, content: bytes) -> None:
        """A log's line, in two halves, so that it can be torn."""
        for half in (content[: len(content) // 2], content[len(content) // 2 :]):
            self.step()
            file.write(half)


@contextmanager
def crash_after(operations: int) -> Iterator[CrashAfter]:
    """The block, until it has made so many file operations. Its crash ends with the block."""
    crash = CrashAfter(operations)
    with ExitStack() as stack:
        for name in OPERATIONS:
            stack.enter_context(mock.patch.object(os, name, crash.counted(getattr(os, name))))
        stack.enter_context(mock.patch("server.stores.activity_log._write", crash.write))
        try:
            yield crash
        except CrashError:
            assert crash.crashed
