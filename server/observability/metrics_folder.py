"""The folder where all processes of one installation keep their metrics, for prometheus_client's multiprocess mode.

Whoever comes first finds it empty, and the last one out removes it. Were it wiped by each program that is started, the
others' files would go with it, and what they count would never be seen.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_MEMORY = Path("/dev/shm")


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


def leave(data_dir: Path) -> None:
    """Remove the folder if nobody else is in it."""
    folder = folder_of(data_dir)
    if not _is_anybody_in(folder.glob("*.db")):
        shutil.rmtree(folder, ignore_errors=True)


def files_of_the_dead(folder: Path, kind: str) -> Iterator[Path]:
    """The files of one `kind` whose processes are gone."""
    return (file for file in folder.glob(f"{kind}_*.db") if not psutil.pid_exists(_pid(file)))


def _is_anybody_in(files: Iterator[Path] | list[Path]) -> bool:
    return any(_pid(file) != os.getpid() and psutil.pid_exists(_pid(file)) for file in files)


def _pid(file: Path) -> int:
    return int(file.stem.rpartition("_")[2])
