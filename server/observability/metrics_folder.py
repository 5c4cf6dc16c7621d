"""The folder where all processes of one stack keep their metrics, for prometheus_client's multiprocess mode.

Whoever starts the stack makes it anew, once: supervisord's plugin, or gunicorn where it runs by itself. Wiped by a
program that is started again, the others' files would go with it, and what they count would never be seen.
"""

import atexit
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_MEMORY = Path("/dev/shm")


def folder_of(data_dir: Path) -> Path:
    """One for each data folder and user.

    prometheus_client maps its files into memory: on a full disk, touching one ends the process. So they lie in
    memory where there is a folder for that.
    """
    owner = hashlib.sha256(f"{os.getuid()}:{data_dir.absolute()}".encode()).hexdigest()[:16]
    return (_MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())) / f"rapiddraft-{owner}"


def make_anew(data_dir: Path) -> None:
    """Have this process and all that it starts keep their metrics in an empty folder, gone when this process ends.

    Has no effect where the environment names one already. Raises OSError.
    """
    if VARIABLE in os.environ:
        return
    folder = folder_of(data_dir)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    os.environ[VARIABLE] = str(folder)
    atexit.register(_remove, folder, os.getpid())


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a fork that ends in the ordinary way comes by here too
        shutil.rmtree(folder, ignore_errors=True)
