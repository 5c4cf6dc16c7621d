"""The folder where all processes of one installation keep their metrics, for prometheus_client's multiprocess mode.

Whoever comes first finds it empty, and the last one out removes it. Were it wiped by each program that is started, the
others' files would go with it, and what they count would never be seen.
"""

import fcntl
import hashlib
import logging
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_MEMORY = Path("/dev/shm")
_LOCK = "lock"
# No process has this number: it stands for all that are gone.
_GONE = 0
# Of prometheus_client's files: what comes first, and at most what an entry takes besides its name.
_HEAD_BYTES, _ENTRY_BYTES = 8, 32

log = logging.getLogger(__name__)


def folder_of(data_dir: Path) -> Path:
    """One for each data folder and user.

    prometheus_client maps its files into memory: on a full disk, touching one ends the process. So they lie in
    memory where there is a folder for that.
    """
    owner = hashlib.sha256(f"{os.getuid()}:{data_dir.absolute()}".encode()).hexdigest()[:16]
    return (_MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())) / f"rapiddraft-{owner}"


def enter(data_dir: Path) -> None:
    """Have this process, and all that it forks, keep their metrics there; call it before anything is counted.

    What processes of an earlier start left is removed. Raises OSError.
    """
    folder = folder_of(data_dir)
    folder.mkdir(mode=0o700, exist_ok=True)
    os.environ[VARIABLE] = str(folder)
    left = list(folder.glob("*.db"))
    if not _is_anybody_in(left):
        for file in left:
            file.unlink(missing_ok=True)
    add_up_the_dead(folder)


def leave(data_dir: Path) -> None:
    """Remove the folder if nobody else is in it."""
    folder = folder_of(data_dir)
    if not _is_anybody_in(folder.glob("*.db")):
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def unchanging(folder: Path) -> Iterator[None]:
    """Inside, nobody adds anything up: who reads the files then counts nothing twice. Raises OSError."""
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def add_up_the_dead(folder: Path) -> None:
    """Keep what processes that are gone have counted in one file a kind: with a file for each, there would be no end.

    What only a living process can report goes with it, however it ended. Does not wait for who reads the files: it
    is done again before long.
    """
    try:
        with (folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for file in _files_of_the_dead(folder, "gauge_live*"):
                file.unlink()
            for kind in ("counter", "histogram"):
                _add_up(folder, kind)
    except (BlockingIOError, FileNotFoundError):  # the last one out has removed the folder
        return
    except OSError as error:
        log.warning("cannot add up what was counted by processes that are gone", extra={"error": str(error)})


def _add_up(folder: Path, kind: str) -> None:
    dead = _files_of_the_dead(folder, kind)
    if not dead:
        return
    from prometheus_client.mmap_dict import MmapedDict  # not before the environment names the folder

    kept = folder / f"{kind}_{_GONE}.db"
    sums: Counter[str] = Counter()
    for file in (kept, *dead):
        if file.exists() and file.stat().st_size:  # one that was killed as it began has none
            for key, value, *_ in MmapedDict.read_all_values_from_file(file):  # type: ignore[no-untyped-call]
                sums[key] += value
    new = kept.with_suffix(".new")
    with new.open("wb") as room:  # taken now: to touch what is mapped and has none would end the process
        os.posix_fallocate(room.fileno(), 0, _HEAD_BYTES + sum(len(key.encode()) + _ENTRY_BYTES for key in sums))
    written = MmapedDict(str(new))  # type: ignore[no-untyped-call]
    for key, total in sums.items():
        written.write_value(key, total, 0.0)  # type: ignore[no-untyped-call]
    written.close()  # type: ignore[no-untyped-call]
    # In this order: killed in between, a sum is lost, as by a restart; in the other, it would be counted twice.
    for file in dead:
        file.unlink()
    new.replace(kept)


def _files_of_the_dead(folder: Path, kind: str) -> list[Path]:
    files = folder.glob(f"{kind}_*.db")
    return [file for file in files if _pid(file) != _GONE and not psutil.pid_exists(_pid(file))]


def _is_anybody_in(files: Iterator[Path] | list[Path]) -> bool:
    return any(_pid(file) != os.getpid() and psutil.pid_exists(_pid(file)) for file in files)


def _pid(file: Path) -> int:
    return int(file.stem.rpartition("_")[2])
