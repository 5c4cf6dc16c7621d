"""What a program did to its files, in order, as shim/recorder.c wrote it down."""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
_HEADER = struct.Struct("<IIQQQ")


class Kind(IntEnum):
    """The operations, as the shim numbers them."""

    CREATE = 1
    TRUNCATE = 2
    WRITE = 3
    SYNC = 4
    RENAME = 5
    LINK = 6
    UNLINK = 7
    MAKE_FOLDER = 8
    MARK = 9


@dataclass(frozen=True, slots=True)
class Operation:
    """One record. `path` and `target` are relative to the recorded folder, `inode` names a file or folder."""

    kind: Kind
    path: str
    inode: int
    offset: int
    data: bytes

    @property
    def target(self) -> str:
        """The new name, of a rename or link."""
        return self.data.decode()

    @property
    def mark(self) -> dict[str, Any]:
        """What the program said it was promised."""
        said: dict[str, Any] = json.loads(self.data)
        return said


def record(shim: Path, folder: Path, workload: Sequence[str]) -> list[Operation]:
    """Run `python -m tests.faults.workloads` on `folder` (made here) and return what it did.

    Raises CalledProcessError if it fails.
    """
    folder.mkdir(parents=True)
    log = folder.with_name(f"{folder.name}.log")
    environment = os.environ | {
        "LD_PRELOAD": str(shim),
        "RECORDER_ROOT": str(folder.resolve()),
        "RECORDER_LOG": str(log),
    }
    command = [sys.executable, "-m", "tests.faults.workloads", str(folder.resolve()), *workload]
    subprocess.run(command, cwd=PROJECT, env=environment, check=True, timeout=120)
    return list(_operations(log.read_bytes()))


def _operations(log: bytes) -> Iterator[Operation]:
    place = 0
    while place < len(log):
        kind, path_bytes, inode, offset, data_bytes = _HEADER.unpack_from(log, place)
        place += _HEADER.size
        path, place = log[place : place + path_bytes], place + path_bytes
        data, place = log[place : place + data_bytes], place + data_bytes
        yield Operation(Kind(kind), path.decode(), inode, offset, data)
