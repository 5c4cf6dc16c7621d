"""A disk that keeps only what it was told to sync, and of the rest whatever it likes.

What POSIX promises and no more: an fsync of a file keeps its bytes and size, an fsync of a folder keeps its
names. Of what was not synced when the power went, any part may be there: each write or truncation on its own,
a write torn at 512 bytes, each change of a name on its own. A rename is one change, but that of a file from
folder to folder is two. Nothing else is assumed of the file system (no journal, no order).
"""

import hashlib
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from tests.faults.recording import Kind, Operation

SECTOR = 512


@dataclass(slots=True)
class _Write:
    """Bytes at an offset; `data` is None for a truncation to `offset`."""

    offset: int
    data: bytes | None

    def apply(self, content: bytearray) -> None:
        size = self.offset if self.data is None else max(len(content), self.offset + len(self.data))
        content.extend(bytes(max(0, size - len(content))))
        if self.data is None:
            del content[self.offset :]
        else:
            content[self.offset : self.offset + len(self.data)] = self.data

    def torn(self, keep: Callable[[], bool]) -> "list[_Write]":
        """Those sectors of the write that `keep` says yes to."""
        if self.data is None:
            return [self] if keep() else []
        pieces = []
        start = self.offset
        while start < self.offset + len(self.data):
            end = min((start // SECTOR + 1) * SECTOR, self.offset + len(self.data))
            if keep():
                pieces.append(_Write(start, self.data[start - self.offset : end - self.offset]))
            start = end
        return pieces


@dataclass(slots=True)
class _File:
    synced: bytearray = field(default_factory=bytearray)
    unsynced: list[_Write] = field(default_factory=list)

    def sync(self) -> None:
        for write in self.unsynced:
            write.apply(self.synced)
        self.unsynced.clear()


@dataclass(slots=True, eq=False)
class _Change:
    """Sets or (None) removes names of a folder. Halves of one change, in two folders, know each other."""

    names: "dict[str, _Entry | None]"
    folder: "_Folder"
    other_half: "_Change | None" = None

    @property
    def group(self) -> int:
        """The same for both halves."""
        return id(self) if self.other_half is None else min(id(self), id(self.other_half))


@dataclass(slots=True, eq=False)
class _Folder:
    synced: "dict[str, _Entry]" = field(default_factory=dict)
    unsynced: list[_Change] = field(default_factory=list)

    def change(self, names: "dict[str, _Entry | None]") -> _Change:
        change = _Change(names, self)
        self.unsynced.append(change)
        return change

    def sync(self) -> None:
        changes, self.unsynced = self.unsynced, []
        self.synced = self.names(changes)
        for change in changes:
            half = change.other_half
            if half is not None and half in half.folder.unsynced:
                half.folder.unsynced.remove(half)
                half.folder.synced = half.folder.names([half])

    def names(self, changes: list[_Change]) -> "dict[str, _Entry]":
        found: dict[str, _Entry | None] = dict(self.synced)
        for change in changes:
            found.update(change.names)
        return {name: entry for name, entry in found.items() if entry is not None}


_Entry = _File | _Folder
State = dict[str, bytes | None]  # by relative path; None for a folder


@dataclass(frozen=True)
class Luck:
    """Which unsynced changes are kept: each of the functions is asked once for each change."""

    name: Callable[[], bool]
    write: Callable[[], bool]
    sector: Callable[[], bool]

    def data(self, write: _Write) -> list[_Write]:
        """What is left of a write."""
        return write.torn(self.sector) if self.write() else []


def _always() -> bool:
    return True


def _never() -> bool:
    return False


KEPT = Luck(_always, _always, _always)
LOST = Luck(_never, _never, _never)
NAMES_ONLY = Luck(_always, _never, _never)
DATA_ONLY = Luck(_never, _always, _always)


def by_chance(chance: random.Random) -> Luck:
    """Luck that differs from state to state: how likely names, writes and sectors are kept, too."""
    name, write, sector = (chance.choice((0.1, 0.5, 0.9, 1.0)) for _ in range(3))
    return Luck(lambda: chance.random() < name, lambda: chance.random() < write, lambda: chance.random() < sector)


class Disk:
    """The files of a recorded folder, with what is synced and what is not."""

    def __init__(self, root_inode: int) -> None:
        self.root = _Folder()
        self._by_inode: dict[int, _Entry] = {root_inode: self.root}

    def apply(self, operation: Operation) -> None:
        """Carry out one recorded operation. Raises KeyError for a file whose making was not recorded."""
        match operation.kind:
            case Kind.CREATE:
                self._add(operation, _File())
            case Kind.MAKE_FOLDER:
                self._add(operation, _Folder())
            case Kind.WRITE:
                self._file(operation).unsynced.append(_Write(operation.offset, operation.data))
            case Kind.TRUNCATE:
                self._file(operation).unsynced.append(_Write(operation.offset, None))
            case Kind.SYNC:
                self._by_inode[operation.inode].sync()
            case Kind.RENAME:
                self._rename(operation.path, operation.target)
            case Kind.LINK:
                self._change(operation.target, self._at(operation.path))
            case Kind.UNLINK:
                self._change(operation.path, None)
            case _:
                assert operation.kind is Kind.MARK, operation

    def after_power_loss(self, luck: Luck) -> State:
        """What is found when the power is back."""
        found: State = {}
        self._collect(self.root, "", luck, {}, found)
        return found

    def _collect(self, folder: _Folder, path: str, luck: Luck, decided: dict[int, bool], found: State) -> None:
        changes = [change for change in folder.unsynced if decided.setdefault(change.group, luck.name())]
        for name, entry in folder.names(changes).items():
            place = f"{path}{name}"
            if isinstance(entry, _Folder):
                found[place] = None
                self._collect(entry, f"{place}/", luck, decided, found)
            else:
                found[place] = _content(entry, luck)

    def _add(self, operation: Operation, entry: _Entry) -> None:
        self._by_inode[operation.inode] = entry
        self._change(operation.path, entry)

    def _file(self, operation: Operation) -> _File:
        entry = self._by_inode[operation.inode]
        assert isinstance(entry, _File)
        return entry

    def _rename(self, path: str, target: str) -> None:
        entry = self._at(path)
        (old, old_name), (new, new_name) = self._parent(path), self._parent(target)
        if old is new:
            old.change({old_name: None, new_name: entry})
            return
        gone, come = old.change({old_name: None}), new.change({new_name: entry})
        if isinstance(entry, _Folder):  # a folder never has two names, or none
            gone.other_half, come.other_half = come, gone

    def _change(self, path: str, entry: _Entry | None) -> None:
        folder, name = self._parent(path)
        folder.change({name: entry})

    def _parent(self, path: str) -> tuple[_Folder, str]:
        pure = PurePosixPath(path)
        folder = self.root if pure.parent == PurePosixPath() else self._at(str(pure.parent))
        assert isinstance(folder, _Folder)
        return folder, pure.name

    def _at(self, path: str) -> _Entry:
        folder, name = self._parent(path)
        return folder.names(folder.unsynced)[name]


def _content(file: _File, luck: Luck) -> bytes:
    content = bytearray(file.synced)
    for write in file.unsynced:
        for piece in luck.data(write):
            piece.apply(content)
    return bytes(content)


def digest(state: State) -> bytes:
    """Equal for equal states only."""
    hashed = hashlib.sha256()
    for path, content in sorted(state.items()):
        hashed.update(repr((path, content is None, len(content or b""))).encode())
        hashed.update(content or b"")
    return hashed.digest()


def write_out(state: State, folder: Path) -> None:
    """Make `folder` (emptied first) hold this state."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path, content in state.items():  # folders come before what is in them
        if content is None:
            (folder / path).mkdir()
        else:
            (folder / path).write_bytes(content)
