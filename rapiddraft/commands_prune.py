"""`rapiddraft prune`: remove now what the settings say is not to be kept any longer, or show it."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rapiddraft.commands_jobs import refuse
from rapiddraft.commands_verify import existing_data_folder
from server._atomic_json import LockTimeoutError
from server.settings import get_settings
from server.stores.retention import Pruner, Retention


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
) -> None:
    """Remove what RAPIDDRAFT_RETENTION_… says is outdated; a worker does so by itself, every hour.

    Exit status: 0 done, 2 not.
    """
    settings = get_settings()
    retention = Retention.of(settings)
    if not retention.is_on:
        typer.echo("Everything is kept: no RAPIDDRAFT_RETENTION_… is set.")
        return
    try:
        pruner = Pruner(existing_data_folder(settings.data_dir), retention, settings.cache_mb)
        if dry_run:
            _show(pruner)
            return
        removed = pruner.prune()
    except LockTimeoutError:
        refuse("Another process is removing what is outdated; try again.")
    except OSError as error:
        refuse(f"{settings.data_dir}: {error.strerror or error}")
    typer.echo(", ".join(f"{count} × {what}" for what, count in sorted(removed.items()) if count) or "Nothing.")


def _show(pruner: Pruner) -> None:
    table = Table("what", "id", "model", "since", box=None)
    for found in pruner.outdated():
        table.add_row(found.what, found.id, found.model_id, f"{found.since:%Y-%m-%d %H:%M:%S}Z")
    Console().print(table if table.rows else "Nothing would go.")
