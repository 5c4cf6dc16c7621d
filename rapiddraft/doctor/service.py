"""What the queue, the jobs and the running stack are like."""

import errno
import socket
import sqlite3
import time
from collections import Counter
from contextlib import closing, suppress
from datetime import timedelta
from itertools import islice
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xmlrpc.client import Fault, ServerProxy

import httpx
from supervisor.xmlrpc import SupervisorTransport

from rapiddraft.doctor.finding import Finding, ok, warning, wrong
from server.clock import now
from server.data_folder import DataFolder
from server.settings import Settings
from server.stores.backup import stack_runs_on
from server.stores.dfm_review_jobs import JOB_KIND, Job, JobState
from server.stores.errors import DamagedDocumentError, NewerDocumentError
from server.stores.paging import ids_in
from server.stores.worker_heartbeat import STALE_AFTER
from workers import actors, brokers
from workers.file_broker.storage import APPLICATION_ID, FORMAT_NUMBER

ANSWER_SECONDS = 5.0
MOST_JOBS = 10_000
LONGEST_WAIT = timedelta(hours=1)


def port(settings: Settings) -> Finding:
    """Free, or served by the stack on this data folder."""
    check, where = "port", f"{settings.port} on {settings.host}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return wrong(
                    check, f"{where} cannot be used: {error.strerror}", "Set RAPIDDRAFT_HOST, RAPIDDRAFT_PORT."
                )
        else:
            return ok(check, f"{where} is free")
    if _is_up(settings):
        return ok(check, f"{where} is the stack's")
    return wrong(check, f"{where} is taken by another program", "Set RAPIDDRAFT_PORT to another, or end that program.")


def _is_up(settings: Settings) -> bool:
    """Whether supervisord runs, or, where something else started it, a worker gives signs of life."""
    data = DataFolder(settings.data_dir)
    signs = data.workers.glob("*.json")
    return stack_runs_on(data) or any(time.time() - s.stat().st_mtime < STALE_AFTER.total_seconds() for s in signs)


def queue(settings: Settings) -> Finding:
    """The queue's file is whole and of a format that is read here; or its server answers."""
    scheme = urlsplit(settings.broker_url).scheme
    if scheme in ("", "file"):
        own = Path(unquote(urlsplit(settings.broker_url).path)) if scheme else DataFolder(settings.data_dir).queue
        return _queue_file(own)
    broker = brokers.build(settings)
    broker.declare_queue(actors.QUEUE)
    try:
        depth = brokers.depth_of(broker, actors.QUEUE)
        return ok("queue", f"{scheme}: " + ", ".join(f"{count} {state}" for state, count in depth.items()))
    except Exception as error:  # noqa: BLE001 - whatever its client raises
        return wrong("queue", f"{scheme} does not answer: {error}", "Start its server, or see RAPIDDRAFT_BROKER_URL.")
    finally:
        broker.close()


def _queue_file(path: Path) -> Finding:
    if not path.exists():
        return ok("queue", "its file is made at the first start")
    remedy = f"Stop the stack and move {path} away: the jobs get new messages from the reconciler."
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=ANSWER_SECONDS)) as file:
            [(application,)] = file.execute("PRAGMA application_id").fetchall()
            [(number,)] = file.execute("PRAGMA user_version").fetchall()
            [(verdict,)] = file.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error as error:
        return wrong("queue", f"{path.name} cannot be read: {error}", remedy)
    if application != APPLICATION_ID:
        return wrong("queue", f"{path.name} is not a queue of RapidDraft", remedy)
    if number > FORMAT_NUMBER:
        return wrong(
            "queue", f"{path.name} has format {number}; {FORMAT_NUMBER} is read here", "Install the newer version."
        )
    if verdict != "ok":
        return wrong("queue", f"{path.name} is damaged: {verdict}", remedy)
    return ok("queue", f"{path.name}, format {number}")


def jobs(settings: Settings) -> list[Finding]:
    """Jobs that should have ended, and those that were given up. Looks at the latest ten thousand."""
    folder = DataFolder(settings.data_dir).jobs
    found = []
    for job_id in islice(ids_in(folder, ".json"), MOST_JOBS):
        # Not as the service reads them, which would put a damaged one aside. One that is gone has ended.
        with suppress(FileNotFoundError, DamagedDocumentError, NewerDocumentError):
            found.append(JOB_KIND.read(folder / f"{job_id}.json").content)
    return [_stuck([job for job in found if _is_stuck(job, settings)], len(found)), _dead_letters(found)]


def _is_stuck(job: Job, settings: Settings) -> bool:
    if job.state.is_final:
        return False
    attempt = timedelta(seconds=actors.longest_attempt_seconds(settings) + 2 * settings.broker_lease_seconds)
    return now() - job.updated_at > (attempt if job.state is JobState.RUNNING else LONGEST_WAIT)


def _stuck(stuck: list[Job], total: int) -> Finding:
    if not stuck:
        return ok("jobs", f"none of {total} is stuck")
    oldest = min(stuck, key=lambda job: job.updated_at)
    detail = (
        f"{len(stuck)} have not moved for long; {oldest.id} is {oldest.state} since {oldest.updated_at:%Y-%m-%d %H:%M}Z"
    )
    return warning("jobs", detail, "Start a worker: its reconciler takes them up. If one runs, see its log.")


def _dead_letters(found: list[Job]) -> Finding:
    count = Counter(job.error.code if job.error else "unknown" for job in found if job.state is JobState.DEAD)
    if not count:
        return ok("dead letters", "none")
    codes = ", ".join(f"{number} × {code}" for code, number in count.most_common())
    remedy = "`rapiddraft jobs list --state dead` shows them; retry or discard them."
    return warning("dead letters", codes, remedy)


def stack(settings: Settings) -> Finding:
    """supervisord's programs, if it runs."""
    data = DataFolder(settings.data_dir)
    if not stack_runs_on(data):
        return ok("stack", "runs without supervisord" if _is_up(settings) else "does not run")
    server = ServerProxy("http://localhost", SupervisorTransport(serverurl=f"unix://{data.run / 'supervisor.sock'}"))
    try:
        programs = {str(info["name"]): str(info["statename"]) for info in _info(server)}
    except (OSError, Fault) as error:
        return wrong("stack", f"supervisord does not answer: {error}", "Restart supervisord.")
    shown = ", ".join(f"{name} {state.lower()}" for name, state in programs.items())
    if all(state == "RUNNING" for state in programs.values()):
        return ok("stack", shown)
    return wrong("stack", shown, "See the log for why; `supervisorctl -c supervisord.conf start all`.")


def _info(server: ServerProxy) -> list[dict[str, object]]:
    answer = server.supervisor.getAllProcessInfo()
    assert isinstance(answer, list)
    return answer


def readiness(settings: Settings) -> Finding:
    """What /readyz says, if the stack runs."""
    if not _is_up(settings):
        return ok("readiness", "not asked: the stack does not run")
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    try:
        answer = httpx.get(f"http://{host}:{settings.port}/readyz", timeout=ANSWER_SECONDS)
    except httpx.HTTPError as error:
        return wrong("readiness", f"the API does not answer: {error}", "See `supervisorctl status` and the log.")
    if answer.is_success:
        return ok("readiness", "ready")
    said = answer.json() if "json" in answer.headers.get("content-type", "") else {}
    return wrong("readiness", str(said.get("detail", f"status {answer.status_code}")), "See to what it names.")
