"""Whether a stack still has all that its clients were answered."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from server._atomic_json import read_json
from tests.faults.load import Ledger
from tests.stack.running import FINAL, Stack
from tests.waiting import until

SETTLE_SECONDS = 180.0
_PAGE = 100


def settled_jobs(stack: Stack) -> dict[str, dict[str, Any]]:
    """All jobs by id, once every one of them has ended."""
    open_states = ("queued", "running", "retrying")

    def all_ended() -> dict[str, dict[str, Any]] | None:
        if any(_page(stack, "/api/jobs", state=state, limit=1)["items"] for state in open_states):
            return None
        # Asked for one state after another, a job that goes from one to the next meanwhile is in none.
        jobs = {job["id"]: job for job in _all(stack, "/api/jobs")}
        return jobs if all(job["state"] in FINAL for job in jobs.values()) else None

    jobs = until(all_ended, "every job has ended", SETTLE_SECONDS)
    assert jobs
    return jobs


def missing(stack: Stack, ledger: Ledger, jobs: dict[str, dict[str, Any]]) -> list[str]:
    """What was answered 2xx and is not there, not the same, or there twice."""
    return [
        *(f"job {job}" for job in ledger.jobs - jobs.keys()),
        *_missing_models(stack, ledger),
        *_missing_tickets(stack, ledger),
        *_missing_runs(stack, ledger, jobs),
    ]


def _missing_models(stack: Stack, ledger: Ledger) -> Iterator[str]:
    listed = [model["id"] for model in _all(stack, "/api/models")]
    for model in set(ledger.models) - set(listed):
        yield f"model {model}"
    for model in set(listed):
        if listed.count(model) > 1:
            yield f"model {model} twice"
    for model, sha256 in ledger.models.items():
        content = stack.data / "models" / model / "part.step"
        if not content.exists() or hashlib.sha256(content.read_bytes()).hexdigest() != sha256:
            yield f"the bytes of model {model}"


def _missing_tickets(stack: Stack, ledger: Ledger) -> Iterator[str]:
    found: dict[str, dict[str, Any]] = {}
    for model in ledger.models:
        for ticket in _all(stack, f"/api/models/{model}/tickets"):
            if ticket["title"] in found:
                yield f"ticket {ticket['title']} twice"
            if ticket["title"] not in ledger.asked_tickets:
                yield f"ticket {ticket['title']} that nobody opened"
            found[ticket["title"]] = ticket
    for title, answered in ledger.tickets.items():
        if title not in found or any(found[title][name] != answered[name] for name in ("id", "text", "created_at")):
            yield f"ticket {title}"
    by_id = {ticket["id"]: ticket for ticket in found.values()}
    for reply, (_model, ticket_id, text) in ledger.replies.items():
        replies = by_id.get(ticket_id, {"replies": []})["replies"]
        if [answer["text"] for answer in replies if answer["id"] == reply] != [text]:
            yield f"reply {reply} to ticket {ticket_id}"


def _missing_runs(stack: Stack, ledger: Ledger, jobs: dict[str, dict[str, Any]]) -> Iterator[str]:
    succeeded = {job["run_id"]: job["model_id"] for job in jobs.values() if job["state"] == "succeeded"}
    for run, model in {**succeeded, **ledger.runs}.items():
        answer = stack.api.get(f"/api/models/{model}/analysis-runs/{run}")
        if answer.status_code != 200 or answer.json()["schema"] != "rapiddraft.review/1":
            yield f"run {run} of model {model}: {answer.status_code}"


def unreadable(data: Path) -> list[str]:
    """The JSON documents of a data folder that cannot be read."""
    found = []
    for path in data.rglob("*.json"):
        try:
            read_json(path)
        except (OSError, ValueError) as error:
            found.append(f"{path.relative_to(data)}: {error}")
    return found


def _all(stack: Stack, path: str) -> Iterator[dict[str, Any]]:
    cursor: str | None = ""
    while cursor is not None:
        page = _page(stack, path, limit=_PAGE, **({"cursor": cursor} if cursor else {}))
        yield from page["items"]
        cursor = page["next_cursor"]


def _page(stack: Stack, path: str, **query: Any) -> dict[str, Any]:  # noqa: ANN401
    page: dict[str, Any] = stack.api.get(path, params=query).raise_for_status().json()
    return page
