"""What a crash left half-way: uploads that never ended, models half made or half removed."""

import logging
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from server._atomic_json import LockTimeoutError, with_file_lock
from server.data_folder import DataFolder
from server.ids import is_id
from server.stores import activity_log
from server.stores.dfm_candidate_session_store import sweep_unnamed
from server.stores.model_documents import recover

log = logging.getLogger(__name__)

# Longer than any upload or removal takes that is still going on.
OLD_SECONDS = 3600.0


def sweep(data: DataFolder, older_than_seconds: float = OLD_SECONDS) -> int:
    """Complete changes that a crash interrupted, and remove leftovers that nothing touched for
    `older_than_seconds`; how many of these.

    Only one process sweeps at a time; another that asks meanwhile returns 0 at once.
    """
    try:
        with with_file_lock(data.root / "sweep", timeout=0):
            # First: a temporary file may hold what a change needs to be completed.
            recover(data)
            return _sweep(data, time.time() - older_than_seconds)
    except LockTimeoutError:
        return 0
    except OSError as error:
        log.warning("cannot look for leftovers", extra={"error": str(error)})
        return 0


def _sweep(data: DataFolder, before: float) -> int:
    count = sweep_unnamed(data, before)
    for path in _leftovers(data):
        try:
            if path.lstat().st_mtime >= before:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
            count += 1
        except FileNotFoundError:
            continue  # its owner was only slow
        except OSError as error:
            log.warning("cannot remove a leftover", extra={"file": path.name, "error": str(error)})
    if count:
        log.info("leftovers of a crash removed", extra={"count": count})
    return count


def _leftovers(data: DataFolder) -> Iterator[Path]:
    yield from data.uploads.iterdir()
    for removed in data.removed_models.iterdir():
        yield from (path for path in removed.iterdir() if path.name != activity_log.FILE)
    for folder in (data.jobs, data.tokens, data.damaged, data.models_by_sha256):
        yield from folder.glob(".*.tmp")
    for model in data.models.iterdir():
        # A damaged model.json that was put aside is not a half-made model.
        if not any(model.glob("model.json*")):
            yield model
        else:
            yield from model.rglob(".*.tmp")
    for entry in data.cache.glob("*-*"):
        whose = entry.name.partition("-")[0]  # a model's reviews, or the geometry of a content
        is_there = data.model(whose) if is_id(whose) else data.models_by_sha256 / f"{whose}.json"
        if not is_there.exists():
            yield entry
