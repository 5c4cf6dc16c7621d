"""The operator's own token, in a file: it is there from the first start, to make others with."""

import logging
import os
import secrets
from pathlib import Path

from server._atomic_json import fsync_folder, with_file_lock

log = logging.getLogger(__name__)

_LEAST_CHARACTERS = 16


def load_or_make(path: Path) -> str:
    """The token in the file at `path`, made with mode 0600 if there is none.

    Any number of processes may call this at once, and all get the same token. Raises OSError, and
    ValueError if the file holds nothing that could serve as a token.
    """
    with with_file_lock(path):
        if not path.exists():
            _make(path)
    return read(path)


def read(path: Path) -> str:
    """The token in the file at `path`. Raises OSError, and ValueError as above."""
    token = path.read_text(encoding="ascii").strip()
    if len(token) < _LEAST_CHARACTERS:
        raise ValueError(
            f"The file {path.name} holds fewer than {_LEAST_CHARACTERS} characters; "
            "delete it to have a new token made at the next start."
        )
    return token


def _make(path: Path) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_urlsafe(32).encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.rename(path)
    fsync_folder(path.parent)
    log.info("admin token made", extra={"file": str(path)})
