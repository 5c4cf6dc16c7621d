"""`rapiddraft verify`: is everything in the data folder as it was written?"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from server.data_folder import DataFolder
from server.settings import get_settings
from server.stores.verify import verify as verify_folder

CANNOT_READ = 2

output = Console(highlight=False, soft_wrap=True)


def verify(
    data_dir: Annotated[
        Path | None, typer.Option(help="Data folder; that of the settings if left out.", show_default=False)
    ] = None,
) -> None:
    """Check every document and every activity log, also while the service runs. Changes nothing.

    Exit status: 0 all is as it was written, 1 something is not, 2 the folder cannot be read.
    """
    raise typer.Exit(0 if print_verified(data_dir or get_settings().data_dir) else 1)


def print_verified(root: Path) -> bool:
    """Print all that is not as it was written, and say whether all is. Ends the program if it cannot be read."""
    try:
        checked = verify_folder(existing_data_folder(root))
    except OSError as error:
        output.print(f"{root}: {error.strerror or error}", style="red")
        raise typer.Exit(CANNOT_READ) from None
    for finding in checked.findings:
        note = "" if finding.bad else " (the next start puts it right)"
        output.print(f"{finding.where}: {finding.what}{note}", style="red" if finding.bad else None, markup=False)
    output.print(f"{checked.models} models, {checked.documents} documents, {checked.entries} entries: ", end="")
    output.print("good" if checked.is_good else "not good")
    return checked.is_good


def existing_data_folder(root: Path) -> DataFolder:
    """The data folder at `root`. Raises NotADirectoryError if there is none."""
    data = DataFolder(root)
    if not data.models.is_dir():
        raise NotADirectoryError(20, "this is not a data folder of RapidDraft", str(root))
    return data
