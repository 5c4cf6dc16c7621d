"""A copy of a data folder while it is in use, and a data folder made of such a copy.

Consistent per document: every JSON document is replaced by a rename, so an open file is one whole version of it. A
model, whose documents and log must agree, is linked file by file under its lock, which takes milliseconds, and read
from the links after that: whatever changes, or removes, the model meanwhile leaves them as they were.

Consistent between documents by the order of copying. Jobs come before models, so a job that succeeded has its run, and
a job whose run was kept in between is a job that the reconciler finds the run of.

Left out is what means nothing elsewhere (uploads, cache, run, locks), the queue, and the admin token. The jobs are the
truth and their messages follow from them: a copy of the queue would be of another moment, with leases of workers that
are not there; the reconciler of the restored system sends a message for every job that has not ended, on whichever
broker. One that ran is handed back by the restore, since no worker has it. Without the admin token an archive lets
nobody in: of the other tokens there are only hashes. The next start makes a new one.
"""

import os
import secrets
import shutil
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from socket import AF_UNIX, socket
from typing import IO

from server._atomic_json import fsync_folder, with_file_lock
from server.data_folder import DataFolder
from server.ids import new_id
from server.stores import activity_log
from server.stores.archive import Manifest, is_name, new_archive, read_archive
from server.stores.dfm_review_jobs import JobState, ReviewJobs
from server.stores.errors import DamagedDocumentError, NotFoundError
from server.stores.model_documents import MODEL, locked_model
from server.stores.paging import ids_in

LOCK_SUFFIX = ".lock"
INTERRUPTED = ".restoring-"


class RestoreRefusedError(Exception):
    """A backup cannot be restored into a folder; the text says why, and what to do."""


def kept_folders(data: DataFolder) -> tuple[Path, ...]:
    """All that a backup holds, in the order of copying."""
    return (data.jobs, data.tokens, data.damaged, data.models, data.removed_models, data.models_by_sha256)


def back_up(data: DataFolder, destination: Path) -> int:
    """Write an archive of everything that is kept, to a new file; durable when this returns. How many files it has.

    Raises OSError (FileExistsError too) and LockTimeoutError, and then leaves nothing behind.
    """
    count = 0
    with new_archive(destination) as archive, closing(_files(data)) as files:
        for name, file, size in files:
            archive.add(name, file, size)
            count += 1
    return count


def check(source: Path) -> Manifest:
    """Read an archive to its end. Raises ArchiveError if it is not whole, and OSError."""
    return read_archive(source, _known(source), lambda _name, _file: None)


def restore(source: Path, target: Path) -> Manifest:
    """Make the data folder `target`, which must be empty or not there, of an archive; durable when this returns.

    Raises RestoreRefusedError, ArchiveError and OSError; `target` is then as it was.
    """
    check_target(target)
    # What is mounted cannot be replaced, and what is beside it is another disk.
    beside = target if os.path.ismount(target) else target.parent
    beside.mkdir(parents=True, exist_ok=True)
    unfinished = beside / f"{INTERRUPTED}{target.name}-{secrets.token_hex(6)}"
    unfinished.mkdir()
    try:
        manifest = read_archive(source, _known(unfinished), lambda name, file: _write(unfinished / name, file))
        DataFolder(unfinished).prepare()
        _hand_back_jobs(ReviewJobs(DataFolder(unfinished)))
        os.sync()
        _put_in_place(unfinished, target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return manifest


def check_target(target: Path) -> None:
    """Raises RestoreRefusedError unless a data folder may be made at `target`."""
    if stack_runs_on(DataFolder(target)):
        raise RestoreRefusedError(f"A stack runs on {target}. Stop it, and restore into another folder.")
    if not target.exists():
        return
    if not target.is_dir():
        raise RestoreRefusedError(f"{target} is not a folder.")
    found = sorted(path.name for path in target.iterdir() if path.name != "lost+found")
    if any(name.startswith(INTERRUPTED) for name in found):
        raise RestoreRefusedError(f"A restore into {target} was interrupted. Empty the folder and restore again.")
    if found:
        raise RestoreRefusedError(f"{target} is not empty ({found[0]}, …). Restore into a folder that is.")
    if target.stat().st_uid != os.geteuid():
        raise RestoreRefusedError(f"{target} belongs to user {target.stat().st_uid}. Restore as that user.")


def stack_runs_on(data: DataFolder) -> bool:
    """Whether a supervisord answers on this data folder."""
    with socket(AF_UNIX) as client, suppress(OSError):
        client.connect(str(data.run / "supervisor.sock"))
        return True
    return False


# -- reading a folder in use ----------------------------------------------------------------------------


def _files(data: DataFolder) -> Generator[tuple[str, IO[bytes], int], None, None]:
    """Every file to be copied: its name in the data folder, its bytes, and how many of them count."""
    captured: set[str] = set()
    for folder in kept_folders(data):
        if folder == data.models:
            captured = set(ids_in(folder))
            for model_id in sorted(captured):
                yield from _model(data, model_id, captured)
        elif folder == data.removed_models:
            # One that was removed after it was copied is not removed in the copy.
            gone = (data.removed_model(id_) / activity_log.FILE for id_ in ids_in(folder) if id_ not in captured)
            yield from _opened(data, gone)
        else:
            yield from _opened(data, sorted(folder.iterdir()) if folder.is_dir() else [])


def _opened(data: DataFolder, paths: Iterable[Path]) -> Iterator[tuple[str, IO[bytes], int]]:
    for path in paths:
        name = path.relative_to(data.root).as_posix()
        if not _is_kept(path, name):
            continue
        try:
            file = path.open("rb")
        except FileNotFoundError:
            continue  # gone meanwhile
        with file:
            yield name, file, os.fstat(file.fileno()).st_size


def _model(data: DataFolder, model_id: str, captured: set[str]) -> Iterator[tuple[str, IO[bytes], int]]:
    with _linked(data, model_id) as (links, sizes):
        if not sizes:
            captured.discard(model_id)  # it was removed before it could be copied
        for name, size in sizes.items():
            with (links / name).open("rb") as file:
                yield f"{data.models.name}/{model_id}/{name}", file, size


@contextmanager
def _linked(data: DataFolder, model_id: str) -> Iterator[tuple[Path, dict[str, int]]]:
    """A folder with a second name for each file of a model, and their sizes, all of one moment; none if it is gone.

    It is in the folder of uploads, where the sweep removes what a crash leaves of it.
    """
    links = data.uploads / new_id()
    links.mkdir()
    try:
        yield links, _link(data, model_id, links)
    finally:
        shutil.rmtree(links)


def _link(data: DataFolder, model_id: str, links: Path) -> dict[str, int]:
    folder = data.model(model_id)
    try:
        with locked_model(data, model_id):
            return _link_files(folder, links)
    except (NotFoundError, DamagedDocumentError):
        # Removed or half made; or damaged so that nothing can write to it, which it shall be in the copy as well.
        if not any(folder.glob(f"{MODEL}.json*")):
            return {}
    with with_file_lock(folder / activity_log.FILE):
        return _link_files(folder, links)


def _link_files(folder: Path, links: Path) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if not _is_kept(path, name):
            continue
        link = links / name
        link.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # what has a lock of its own may change its previous version now
            os.link(path, link)
            # The log is the only file that grows in place: of it, what is there now counts.
            sizes[name] = link.stat().st_size
    return sizes


def _is_kept(path: Path, name: str) -> bool:
    return is_name(name) and not name.endswith(LOCK_SUFFIX) and path.is_file() and not path.is_symlink()


# -- writing a new one ----------------------------------------------------------------------------------


def _known(root: Path) -> frozenset[str]:
    return frozenset(folder.name for folder in kept_folders(DataFolder(root)))


def _write(path: Path, content: IO[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        shutil.copyfileobj(content, file)


def _hand_back_jobs(jobs: ReviewJobs) -> None:
    """Else the reconciler would wait until the worker that ran them cannot have them any more."""
    for job_id in jobs.ids():
        job = jobs.if_readable(job_id)
        if job is not None and job.state is JobState.RUNNING:
            reason = "it ran when the backup was made that this was restored from"
            jobs.transition(job_id, JobState.RETRYING, reason=reason, code="restored")


def _put_in_place(unfinished: Path, target: Path) -> None:
    if unfinished.parent != target:
        unfinished.rename(target)  # replaces an empty folder, in one step
        fsync_folder(target.parent)
        return
    # The folder of unfinished things is there until the last one has its name: see `check_target`.
    for path in sorted(unfinished.iterdir()):
        path.rename(target / path.name)
    fsync_folder(target)
    unfinished.rmdir()
    fsync_folder(target)
