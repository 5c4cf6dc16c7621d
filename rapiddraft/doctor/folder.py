"""What the data folder is like."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from rapiddraft.doctor.finding import Finding, ok, warning, wrong
from server.access import admin_token
from server.access.tokens import TOKEN_KIND
from server.data_folder import DataFolder
from server.settings import Settings
from server.stores import damage
from server.stores.backup import INTERRUPTED, LOCK_SUFFIX
from server.stores.errors import DamagedDocumentError, NewerDocumentError
from workers.file_broker.broker import RESERVED_BYTES

# A lock is held for one change; who waits for one gives up after ten seconds.
LONG_HELD_SECONDS = 30.0
# The longest name of a unix socket, less the process id that supervisord appends for a moment.
LONGEST_SOCKET = 107 - len(".4194304")
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "glusterfs", "ceph", "fuse.glusterfs"})
PASSING = frozenset({"tmpfs", "ramfs", "devtmpfs"})


def data_folder(settings: Settings) -> Finding:
    """It must be there, ours, and take files."""
    check, root = "data folder", settings.data_dir
    if not root.exists():
        return warning(check, f"there is no {root}", "It is made at the first start; else set RAPIDDRAFT_DATA_DIR.")
    if not root.is_dir():
        return wrong(check, f"{root} is not a folder", "Set RAPIDDRAFT_DATA_DIR to one.")
    if len(os.fsencode(DataFolder(root.absolute()).run / "supervisor.sock")) > LONGEST_SOCKET:
        return wrong(
            check, f"the path {root} is too long for a unix socket", "Set RAPIDDRAFT_DATA_DIR to a shorter one."
        )
    try:
        with tempfile.TemporaryFile(dir=root) as file:
            file.write(b"?")
    except OSError as error:
        remedy = f"Let user {os.geteuid()} write to it: chown -R, or mount it for writing."
        return wrong(check, f"{root} cannot be written to: {error.strerror}", remedy)
    return ok(check, str(root))


def owner(settings: Settings) -> Finding:
    """Everything in it should belong to whoever runs the stack."""
    root = settings.data_dir
    if not root.exists():
        return ok("owner", "nothing is there yet")
    user = root.stat().st_uid
    others = [path.name for path in (root, *root.iterdir()) if path.lstat().st_uid != user]
    if others:
        return wrong("owner", f"{', '.join(others[:5])} belong to others than {root.name}", f"chown -R {user} {root}")
    if user != os.geteuid():
        return warning("owner", f"user {user}, and this is user {os.geteuid()}", "Run this as the stack's user.")
    return ok("owner", f"user {user}")


def space(settings: Settings) -> Finding:
    """There must be room for the largest upload and the queue's reserve."""
    usage = shutil.disk_usage(_nearest(settings.data_dir))
    needed = settings.max_upload_bytes + RESERVED_BYTES
    detail = f"{usage.free:,} bytes free of {usage.total:,}"
    remedy = (
        "Make room, lower RAPIDDRAFT_CACHE_MB, or set RAPIDDRAFT_RETENTION_…; `rapiddraft prune --dry-run` shows it."
    )
    if usage.free < needed:
        return wrong("free space", f"{detail}; the largest upload and the queue need {needed:,}", remedy)
    if usage.free < 4 * needed:
        return warning("free space", detail, remedy)
    return ok("free space", detail)


def file_system(settings: Settings) -> Finding:
    """Locks, links and syncs must do what they say."""
    kind = _file_system_of(_nearest(settings.data_dir).resolve())
    if kind in PASSING:
        return wrong("file system", f"{kind}: all is lost when the machine stops", "Put the data folder on a disk.")
    if kind in NETWORK:
        remedy = "Put the data folder on a local disk: locks and syncs of a network's may not hold, and are slow."
        return warning("file system", f"{kind}, over a network", remedy)
    return ok("file system", kind)


def documents(settings: Settings) -> Finding:
    """Of the documents that were found damaged; `rapiddraft verify` looks for more."""
    data = DataFolder(settings.data_dir)
    found = damage.notes(data)
    remedy = f"See the notes in {data.damaged}, and delete those that are seen to; `rapiddraft verify` looks for more."
    if lost := [note.document for note in found if not note.restored]:
        return wrong("documents", f"damaged and lost: {', '.join(lost[:5])}", f"Restore from a backup. {remedy}")
    if found:
        return warning("documents", f"{len(found)} were damaged, and restored", f"Look at the disk. {remedy}")
    return ok("documents", "none was found damaged")


def tokens(settings: Settings) -> Finding:
    """Each must be readable, or who has it is refused; the admin's is for its owner's eyes only."""
    data = DataFolder(settings.data_dir)
    if damaged := [path.name for path in sorted(data.tokens.glob("*.json")) if not _is_token(path)]:
        remedy = "Nobody gets in with it: revoke or delete it, and make another with `rapiddraft token make`."
        return wrong("tokens", f"cannot be read: {', '.join(damaged[:5])}", remedy)
    if not data.admin_token.exists():
        return ok("tokens", "the admin token is made at the first start")
    try:
        admin_token.read(data.admin_token)
    except ValueError as error:
        return wrong("tokens", str(error), "Delete it, and restart the API.")
    if data.admin_token.stat().st_mode & 0o077:
        return wrong(
            "tokens", f"others may read {data.admin_token.name}", f"chmod 600 {data.admin_token}, or delete it."
        )
    return ok("tokens", "readable")


def _is_token(path: Path) -> bool:
    try:
        TOKEN_KIND.read(path)
    except (DamagedDocumentError, NewerDocumentError):
        return False
    return True


def leftovers(settings: Settings) -> Finding:
    """Locks that somebody holds for long, and what an interrupted restore left."""
    data = DataFolder(settings.data_dir)
    half = [*data.root.glob(f"{INTERRUPTED}*"), *data.root.parent.glob(f"{INTERRUPTED}{data.root.name}-*")]
    if half:
        return warning("leftovers", f"a restore was interrupted: {half[0]}", "Delete it, and restore again.")
    locks = list(_locks(data))
    held = [path for path in locks if _is_long_held(path)]
    if held:
        remedy = "A process stands still with it: look for it with `lsof`, and restart the stack."
        return warning("leftovers", f"{held[0].relative_to(data.root)} is held for long", remedy)
    return ok("leftovers", f"{len(locks)} locks, none held for long")


def _locks(data: DataFolder) -> Iterator[Path]:
    for folder in (data.root, data.run, data.jobs, data.tokens, data.models_by_sha256):
        yield from (path for path in folder.glob(f"*{LOCK_SUFFIX}") if path.name != f"{data.queue.name}{LOCK_SUFFIX}")
    yield from data.models.glob(f"*/*{LOCK_SUFFIX}")


def _is_long_held(path: Path) -> bool:
    with suppress(FileNotFoundError), path.open("rb") as file:
        if time.time() - path.stat().st_mtime < LONG_HELD_SECONDS:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _nearest(path: Path) -> Path:
    """The folder itself, or the nearest above that is there."""
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _file_system_of(path: Path) -> str:
    mounts = {Path(mount.mountpoint): mount.fstype for mount in psutil.disk_partitions(all=True)}
    return next((mounts[folder] for folder in (path, *path.parents) if folder in mounts), "unknown")
