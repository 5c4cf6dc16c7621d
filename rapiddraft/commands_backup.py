"""`rapiddraft backup` and `rapiddraft restore`: a copy of the data folder while it is in use, and back again."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from rapiddraft.commands_jobs import refuse
from rapiddraft.commands_verify import existing_data_folder, print_verified
from server._atomic_json import LockTimeoutError
from server.clock import now
from server.settings import get_settings
from server.stores import backup as backups
from server.stores.archive import ArchiveError

DataDir = Annotated[
    Path | None, typer.Option(help="Data folder; that of the settings if left out.", show_default=False)
]


def backup(
    archive: Annotated[
        Path,
        typer.Argument(help="File to write: .tar, or .tar.gz for a smaller one; or a folder, for a name by the time."),
    ],
    data_dir: DataDir = None,
    verify: Annotated[bool, typer.Option("--verify", help="Check the archive that is there instead.")] = False,
) -> None:
    """Copy the data folder into one file, also while the service runs.

    Without the admin token, the queue (jobs that have not ended get new messages) and the cache.
    Exit status: 0 done, 2 not, and then nothing is left of it.
    """
    try:
        if verify:
            _verify(archive)
            return
        destination = archive / f"rapiddraft-{now():%Y%m%dT%H%M%SZ}.tar.gz" if archive.is_dir() else archive
        with _unwinding_on_term():
            count = backups.back_up(existing_data_folder(data_dir or get_settings().data_dir), destination)
    except OSError as error:
        refuse(f"{error.filename or archive}: {error.strerror or error}. There is no backup of now.")
    except LockTimeoutError as error:
        refuse(f"{error} There is no backup of now.")
    typer.echo(f"{destination}: {count} files, {destination.stat().st_size:,} bytes")


def restore(
    archive: Annotated[Path, typer.Argument(help="File that `rapiddraft backup` wrote.")],
    data_dir: DataDir = None,
) -> None:
    """Make the data folder, which must be empty or not there, of a backup, and verify it.

    Exit status: 0 done, 1 done, but something was damaged already when it was backed up, 2 not done.
    """
    target = (data_dir or get_settings().data_dir).absolute()
    try:
        with _unwinding_on_term():
            manifest = backups.restore(archive, target)
    except (ArchiveError, backups.RestoreRefusedError) as error:
        refuse(f"{error} Nothing was restored.")
    except OSError as error:
        refuse(f"{error.filename or target}: {error.strerror or error}. Nothing was restored.")
    typer.echo(f"{target}: {len(manifest.files)} files of {manifest.made_at:%Y-%m-%d %H:%M:%S}Z")
    raise typer.Exit(0 if print_verified(target) else 1)


@contextmanager
def _unwinding_on_term() -> Iterator[None]:
    """SIGTERM, from a timer or a shell that ends, removes what is half made as Ctrl-C does; else it would stay."""

    def unwind(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, unwind)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _verify(archive: Path) -> None:
    try:
        manifest = backups.check(archive)
    except ArchiveError as error:
        refuse(str(error))
    size = sum(file.size for file in manifest.files.values())
    made = f"made {manifest.made_at:%Y-%m-%d %H:%M:%S}Z by version {manifest.rapiddraft}"
    typer.echo(f"{archive}: good; {len(manifest.files)} files, {size:,} bytes, {made}")
