"""`rapiddraft jobs`: what the operator can do over HTTP, from a shell, whether the stack runs or not."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, NoReturn

import typer
from dramatiq import Broker
from dramatiq.errors import BrokerError
from rich.console import Console
from rich.table import Table

from server._atomic_json import LockTimeoutError
from server.data_folder import DataFolder
from server.ids import is_id
from server.settings import get_settings
from server.stores.dfm_review_jobs import Job, JobState, JobUnderWayError, ReviewJobs
from server.stores.errors import DamagedDocumentError, IllegalTransitionError, NewerDocumentError, NotFoundError

REFUSED = 2
OPERATOR = "the operator, from a shell"

app = typer.Typer(no_args_is_help=True, help="List the jobs of the data folder, retry and discard dead letters.")
errors = Console(stderr=True, highlight=False)

JobId = Annotated[str, typer.Argument(help="Id of the job.")]
JobIds = Annotated[list[str], typer.Argument(help="Ids of the jobs.")]


@app.command("list")
def list_jobs(
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.")] = None,
    model: Annotated[str | None, typer.Option(help="Only jobs of this model.")] = None,
    code: Annotated[str | None, typer.Option(help="Only jobs that ended with this error code.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only jobs asked for since then (local time).")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most jobs to show.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the page as JSON.")] = False,
) -> None:
    """Show jobs, newest first."""
    page = _jobs().list(
        limit=limit,
        cursor=cursor,
        model_id=model,
        state=state,
        code=code,
        since=since.astimezone() if since else None,
    )
    if as_json:
        typer.echo(page.model_dump_json())
        return
    Console().print(_table(page.items))
    if page.next_cursor:
        errors.print(f"There are more: --cursor {page.next_cursor}")


@app.command()
def show(job_id: JobId) -> None:
    """Print a job with its history as JSON."""
    with _refusals_explained(job_id):
        typer.echo(_jobs().get(job_id).model_dump_json(indent=2))


@app.command()
def retry(job_ids: JobIds) -> None:
    """Queue jobs again that are failed or dead; a worker does them as soon as one runs."""
    from workers import dead_letters

    with _broker() as broker:
        for job_id in job_ids:
            with _refusals_explained(job_id):
                dead_letters.retry(_jobs(), broker, job_id, by=OPERATOR)
                typer.echo(f"{job_id} queued")


@app.command()
def discard(job_ids: JobIds) -> None:
    """Take jobs that are failed or dead off the dead letters: they become cancelled and keep their error."""
    from workers import dead_letters

    with _broker() as broker:
        for job_id in job_ids:
            with _refusals_explained(job_id):
                dead_letters.discard(_jobs(), broker, job_id, by=OPERATOR)
                typer.echo(f"{job_id} discarded")


def _jobs() -> ReviewJobs:
    root = get_settings().data_dir
    if not root.is_dir():
        refuse(f"There is no data folder {root}; set RAPIDDRAFT_DATA_DIR.")
    return ReviewJobs(DataFolder(root))


@contextmanager
def _broker() -> Iterator[Broker]:
    from workers import actors

    _jobs()  # a data folder must be there, or the queue would be made in a new one
    try:
        broker = actors.build_broker(get_settings())
    except BrokerError as error:
        refuse(str(error))
    try:
        yield broker
    finally:
        broker.close()


@contextmanager
def _refusals_explained(job_id: str) -> Iterator[None]:
    from workers.actors import NotQueuedError

    if not is_id(job_id):
        refuse(f"{job_id} is not the id of a job.")
    try:
        yield
    except (
        NotFoundError,
        DamagedDocumentError,
        NewerDocumentError,
        IllegalTransitionError,
        JobUnderWayError,
        NotQueuedError,
        BrokerError,
        LockTimeoutError,
        OSError,
    ) as error:
        refuse(str(error))


def refuse(reason: str) -> NoReturn:
    """End the program with the reason, on stderr, and status 2."""
    errors.print(reason, style="red", soft_wrap=True)
    raise typer.Exit(REFUSED)


def _table(jobs: list[Job]) -> Table:
    table = Table("job", "asked for", "model", "state", "attempts", "reason", box=None)
    for job in jobs:
        table.add_row(
            job.id,
            f"{job.created_at:%Y-%m-%d %H:%M:%S}Z",
            job.model_id,
            job.state.value,
            str(job.attempts),
            f"{job.error.code}: {job.error.detail}" if job.error else job.history[-1].reason,
        )
    return table
