"""The cache: its bound, which entry goes first, damage, and what other processes do to it."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from workers.content_cache import ContentCache, Entry

ROOM, NINE_TENTHS = 2_000, 1_800
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
        self.counted = 0  # with what was removed since the cache last looked

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(key=KEYS, content=CONTENTS)
    def put(self, key: str, content: bytes) -> None:
        self.cache.put(key, content)
        self.counted += len(content) + CHECKSUM
        if key in self.expected:
            self.counted -= len(self.expected.pop(key)) + CHECKSUM
        if self.counted > ROOM:
            while self.expected and self.bytes_kept() + len(content) + CHECKSUM > NINE_TENTHS:
                self.expected.popitem(last=False)
            self.counted = self.bytes_kept() + len(content) + CHECKSUM
        self.expected[key] = content

    def bytes_kept(self) -> int:
        return sum(len(kept) + CHECKSUM for kept in self.expected.values())

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
        files = entries(self.cache)
        assert sum(file.stat().st_size for file in files) <= ROOM
        assert {file.name for file in files} == set(self.expected)


def entries(cache: ContentCache) -> list[Path]:
    """What is in the folder, but for the total and its lock."""
    files = cache.folder.iterdir() if cache.folder.exists() else ()
    return [file for file in files if not file.name.startswith(".total")]


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
    assert entries(cache) == []


def test_an_entry_is_given_up_when_it_grows_too_large(tmp_path: Path) -> None:
    cache, written = cache_in(tmp_path), []
    with cache.adding("key", most=100) as entry:
        for piece in (b"x" * 60, b"y" * 60):
            entry.write(piece)
            written.append(piece)
    assert written == [b"x" * 60]
    assert entries(cache) == []


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
    assert [file.name for file in entries(cache)] == ["key"]


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
    assert old.exists()  # nobody looks that often
    total = cache.folder / ".total"
    looked, counted = total.read_text().split()
    total.write_text(f"{float(looked) - 3600} {counted}")
    cache.put("third", b"content")
    assert sorted(file.name for file in entries(cache)) == [new.name, "key", "other", "third"]


def test_keeping_an_entry_looks_at_all_of_them_seldom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, real = 0, os.scandir

    def counted(folder: Path) -> object:
        nonlocal looks
        looks += 1
        return real(folder)

    monkeypatch.setattr(os, "scandir", counted)
    for number in range(1000):  # a cache each time, as every child has its own; ten times what there is room for
        ContentCache(tmp_path / "cache", 10_000).put(f"key-{number}", b"x" * 68)
    assert looks <= 100
    assert 90 <= len(entries(ContentCache(tmp_path / "cache", 10_000))) <= 100


@pytest.mark.parametrize("noted", [None, "", "half", "1e9999 12", "-5 0"])
def test_a_total_that_is_lost_is_counted_again(tmp_path: Path, noted: str | None) -> None:
    cache = ContentCache(tmp_path / "cache", 10_000)
    for number in range(90):
        cache.put(f"key-{number}", b"x" * 68)
    total = cache.folder / ".total"
    total.unlink()
    if noted is not None:
        total.write_text(noted)
    cache.put("more", b"x" * 5_000)
    assert sum(file.stat().st_size for file in entries(cache)) <= 9_000
    assert cache.get("more") and cache.get("key-89") and not cache.get("key-0")


PUTTER = """
import sys
from pathlib import Path
from workers.content_cache import ContentCache

for number in range(int(sys.argv[3])):
    ContentCache(Path(sys.argv[1]) / "cache", 10_000).put(f"{sys.argv[2]}-{number}", b"x" * (number % 5 * 500))
"""


def test_the_bound_is_kept_while_several_put_at_once_and_one_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PUTTER, str(tmp_path)]
    often = ["1000000", "300", "300", "300"]
    processes = [subprocess.Popen([*command, f"putter{number}", times]) for number, times in enumerate(often)]
    cache, most = ContentCache(tmp_path / "cache", 10_000), 0
    while any(process.poll() is None for process in processes):
        kept = [file for file in entries(cache) if not file.name.startswith(".")]
        sizes = 0
        for file in kept:
            with suppress(FileNotFoundError):
                sizes += file.stat().st_size
        most = max(most, sizes)
        if sizes > 5_000:
            processes[0].kill()
    assert [process.wait() for process in processes] == [-signal.SIGKILL, 0, 0, 0]
    # Put while these were listed and looked at: a few at most.
    assert most <= 10_000 + 3 * 2_032
    assert sum(file.stat().st_size for file in entries(cache) if not file.name.startswith(".")) <= 10_000


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
    assert [file.name for file in entries(cache_in(tmp_path))] == ["key"]


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
