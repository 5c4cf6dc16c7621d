"""`rapiddraft token`: who may use the service, from a shell, whether the stack runs or not."""

from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rapiddraft.commands_jobs import refuse
from server._atomic_json import LockTimeoutError
from server.access.roles import Role
from server.access.tokens import BadNameError, Token, Tokens
from server.data_folder import DataFolder
from server.ids import is_id
from server.settings import get_settings
from server.stores.errors import DamagedDocumentError, NewerDocumentError, NotFoundError

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke the tokens that people use the service with.")
notes = Console(stderr=True, highlight=False)


@app.command()
def make(
    name: Annotated[str, typer.Argument(help="Whose it is; what they do is logged and kept under this name.")],
    role: Annotated[Role, typer.Option(help="viewer reads, reviewer changes things, admin runs the service.")],
    days: Annotated[int | None, typer.Option(min=1, help="How long it is valid; for ever if left out.")] = None,
) -> None:
    """Make a token and print it: this once, since only its hash is kept."""
    data = DataFolder(get_settings().data_dir)
    try:
        data.prepare()  # before the first start too
        token, text = Tokens(data).make(name, role, timedelta(days=days) if days else None)
    except (BadNameError, LockTimeoutError, OSError) as error:
        refuse(str(error))
    typer.echo(text)
    notes.print(f"Made for {token.name} as {token.role}; it is shown this once.", soft_wrap=True, markup=False)


@app.command("list")
def list_tokens() -> None:
    """Show all tokens, newest first; never their secrets. Ends with status 1 if one cannot be read."""
    unreadable: list[Exception] = []
    try:
        tokens = Tokens(DataFolder(get_settings().data_dir)).list(unreadable.append)
    except OSError as error:
        refuse(str(error))
    table = Table("token", "whose", "role", "made", "expires", "state", box=None)
    for token in tokens:
        table.add_row(token.id, token.name, token.role, _day(token.made_at), _day(token.expires_at), _state(token))
    Console().print(table)
    for reason in unreadable:
        notes.print(
            f"{reason} Nobody gets in with that token: make another, and look for its note in the folder damaged.",
            soft_wrap=True,
            markup=False,
        )
    if unreadable:
        raise typer.Exit(1)


@app.command()
def revoke(token_ids: Annotated[list[str], typer.Argument(help="Ids of the tokens, as `list` shows them.")]) -> None:
    """Let nobody in with these tokens any more, from the next request on."""
    tokens = Tokens(DataFolder(get_settings().data_dir))
    for token_id in token_ids:
        if not is_id(token_id):
            refuse(f"{token_id[:10]}… is not the id of a token; `rapiddraft token list` shows them.")
        try:
            token = tokens.revoke(token_id)
        except (NotFoundError, DamagedDocumentError, NewerDocumentError, LockTimeoutError, OSError) as error:
            refuse(str(error))
        typer.echo(f"{token_id} of {token.name} revoked")


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "never"


def _state(token: Token) -> str:
    if token.revoked_at:
        return f"revoked {_day(token.revoked_at)}"
    return "valid" if token.is_valid else "expired"
