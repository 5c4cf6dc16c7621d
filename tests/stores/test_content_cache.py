"""The cache: its bound, which entry goes first, damage, and what other processes do to it."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections import OrderedDict
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from workers.content_cache import ContentCache, Entry

ROOM = 2_000
CHECKSUM = 32
# Entries of which some fill the room to the last byte, and some are one too many.
SIZES = st.sampled_from([size - CHECKSUM for size in (CHECKSUM, 500, 1000, 1001, ROOM)])
CONTENTS = st.builds(lambda byte, size: byte * size, st.binary(min_size=1, max_size=1), SIZES)
KEYS = st.sampled_from(["a-1", "a-2", "b-1", "b-2", "c"])


class CacheAsADictionary(RuleBasedStateMachine):
    """Whatever is done to it, the cache holds what a dictionary would that forgets its least recently used."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.cache = ContentCache(Path(self.folder.name) / "cache", ROOM)
        self.expected: OrderedDict[str, bytes] = OrderedDict()

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(key=KEYS, content=CONTENTS)
    def put(self, key: str, content: bytes) -> None:
        self.cache.put(key, content)
        self.expected[key] = content
        self.expected.move_to_end(key)
        while sum(len(kept) + CHECKSUM for kept in self.expected.values()) > ROOM:
            self.expected.popitem(last=False)

    @rule(key=KEYS, content=st.just(b"x" * (ROOM - CHECKSUM + 1)))
    def put_too_much(self, key: str, content: bytes) -> None:
        self.cache.put(key, content)

    @rule(key=KEYS)
    def get(self, key: str) -> None:
        assert self.cache.get(key) == self.expected.get(key)
        if key in self.expected:
            self.expected.move_to_end(key)

    @rule(prefix=st.sampled_from(["a-", "b-", "c"]))
    def remove(self, prefix: str) -> None:
        self.cache.remove(prefix)
        for key in [key for key in self.expected if key.startswith(prefix)]:
            del self.expected[key]

    @precondition(lambda self: self.expected)
    @rule(data=st.data())
    def damage(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.expected)))
        path = self.cache.folder / key
        entry = path.read_bytes()
        place = data.draw(st.integers(0, len(entry) - 1))
        if data.draw(st.booleans()):
            path.write_bytes(entry[:place])
        else:
            path.write_bytes(entry[:place] + bytes([entry[place] ^ 1]) + entry[place + 1 :])
        assert self.cache.get(key) is None
        assert not path.exists()
        del self.expected[key]

    @invariant()
    def bound_is_kept(self) -> None:
        files = list(self.cache.folder.iterdir()) if self.cache.folder.exists() else []
        assert sum(file.stat().st_size for file in files) <= ROOM
        assert {file.name for file in files} == set(self.expected)


TestCacheAsADictionary = CacheAsADictionary.TestCase


def cache_in(folder: Path) -> ContentCache:
    return ContentCache(folder / "cache", 1 << 20)


def test_nothing_is_kept_where_there_is_no_room_at_all(tmp_path: Path) -> None:
    cache = ContentCache(tmp_path / "cache", 0)
    cache.put("key", b"content")
    assert cache.get("key") is None
    assert not cache.folder.exists()
    with cache.filling("key", 1):
        assert not cache.folder.exists()


def test_an_entry_written_in_pieces_is_there_when_it_is_whole(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    with cache.adding("key") as entry:
        entry.write(b"one, ")
        assert cache.get("key") is None
        entry.write(memoryview(b"two"))
    assert cache.get("key") == b"one, two"


def test_an_entry_that_could_not_be_made_is_not_there(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    with pytest.raises(ZeroDivisionError), cache.adding("key") as entry:
        entry.write(b"half")
        _ = 1 / 0
    assert cache.get("key") is None
    assert list(cache.folder.iterdir()) == []


def test_an_entry_is_given_up_when_it_grows_too_large(tmp_path: Path) -> None:
    cache, written = cache_in(tmp_path), []
    with cache.adding("key", most=100) as entry:
        for piece in (b"x" * 60, b"y" * 60):
            entry.write(piece)
            written.append(piece)
    assert written == [b"x" * 60]
    assert list(cache.folder.iterdir()) == []


@pytest.mark.parametrize("key", ["", "../key", ".key", "a/b", "x" * 201, "a\nb"])
def test_a_key_is_a_safe_name(tmp_path: Path, key: str) -> None:
    with pytest.raises(ValueError, match="cannot name an entry"):
        cache_in(tmp_path).put(key, b"content")


def test_a_full_disk_is_a_miss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = cache_in(tmp_path)
    cache.put("key", b"before")

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Entry, "_write_all", full)
    cache.put("key", b"after")
    cache.put("other", b"content")
    assert cache.get("key") == b"before"
    assert cache.get("other") is None
    assert [file.name for file in cache.folder.iterdir()] == ["key"]


def test_an_entry_that_goes_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    cache, content = cache_in(tmp_path), os.urandom(100_000)
    cache.put("key", content)
    real = os.fstat

    def removed_meanwhile(descriptor: int) -> os.stat_result:
        (cache.folder / "key").unlink(missing_ok=True)
        return real(descriptor)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fstat", removed_meanwhile)
        assert cache.get("key") == content
    assert cache.get("key") is None


def test_what_a_killed_writer_left_goes_in_time(tmp_path: Path) -> None:
    cache = cache_in(tmp_path)
    cache.put("key", b"content")
    old, new = (cache.folder / f".key.{name}.tmp" for name in ("old", "new"))
    for left in (old, new):
        left.write_bytes(b"half")
    os.utime(old, (time.time() - 3600,) * 2)
    cache.put("other", b"content")
    assert sorted(file.name for file in cache.folder.iterdir()) == [new.name, "key", "other"]


FILLER = """
import sys, time
from pathlib import Path
from workers.content_cache import ContentCache

cache = ContentCache(Path(sys.argv[1]) / "cache", 1 << 20)
print("ready", flush=True)
sys.stdin.readline()
with cache.filling("key", 60):
    if cache.get("key") is None:
        print("filling", flush=True)
        if sys.argv[2:] == ["hang"]:
            sys.stdin.readline()
        cache.put("key", b"content")
print(cache.get("key"), flush=True)
"""


def filler(folder: Path, *how: str) -> "subprocess.Popen[str]":
    """A process that is about to fill the entry `key`."""
    command = [sys.executable, "-c", FILLER, str(folder), *how]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()


def test_of_several_processes_that_miss_at_once_one_fills(tmp_path: Path) -> None:
    processes = [filler(tmp_path) for _ in range(6)]
    for process in processes:
        go(process)
    said = [process.communicate(timeout=60)[0] for process in processes]
    assert sorted(said) == ["b'content'\n"] * 5 + ["filling\nb'content'\n"]
    assert [file.name for file in (tmp_path / "cache").iterdir()] == ["key"]


def test_a_filler_that_is_killed_gives_way_to_the_next(tmp_path: Path) -> None:
    hanging, waiting = filler(tmp_path, "hang"), filler(tmp_path)
    go(hanging)
    assert hanging.stdout
    assert hanging.stdout.readline() == "filling\n"
    go(waiting)
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(0.5)
    hanging.send_signal(signal.SIGKILL)
    hanging.communicate(timeout=60)
    assert waiting.communicate(timeout=60)[0] == "filling\nb'content'\n"


def test_who_waited_long_enough_goes_on_without_a_turn(tmp_path: Path) -> None:
    hanging, cache = filler(tmp_path, "hang"), cache_in(tmp_path)
    go(hanging)
    assert hanging.stdout
    assert hanging.stdout.readline() == "filling\n"
    with cache.filling("key", 0.1):
        cache.put("key", b"mine")
    assert hanging.poll() is None
    hanging.communicate("go\n", timeout=60)
    assert cache.get("key") == b"content"


@pytest.mark.parametrize("content", [b"x", bytes(2000)])
def test_a_folder_that_cannot_be_made_is_a_miss(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cache").write_text("not a folder")
    cache = ContentCache(tmp_path / "cache", 1000)
    cache.put("a", content)
    assert cache.get("a") is None
    with pytest.raises(ZeroDivisionError), cache.adding("a"):
        raise ZeroDivisionError
