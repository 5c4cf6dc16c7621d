"""…/dfm/candidate-sessions: edits for findings, one at a time, decided by people."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import httpx
import pytest
from fastapi.testclient import TestClient

from server.access.roles import Role
from server.ids import new_id
from server.services import Services
from server.stores.dfm_candidate_session_store import SessionState
from server.stores.dfm_review_jobs import JobState
from server.stores.job_results import JobResults
from server.stores.verify import verify
from tests.job_targets import done_by
from tests.server.conftest import STEP, wait_until, working
from tests.server.targets import FINDING, FINDINGS
from workers import actors
from workers.file_broker import QueueDiskFullError, QueueFullError
from workers.sandbox import Sandbox

WHY = {"reason": "it is cheaper"}


@dataclass
class Session:
    """A candidate session, and what a front end asks of it."""

    client: TestClient
    path: str

    def shown(self) -> Any:  # noqa: ANN401 - JSON
        return self.client.get(self.path).raise_for_status().json()

    def findings(self) -> list[str]:
        return [finding["id"] for finding in self.shown()["findings"]]

    def propose(self, finding: str, **headers: str) -> Any:  # noqa: ANN401 - httpx's
        return self.client.post(f"{self.path}/candidates", json={"finding": finding}, headers=headers)

    def decide(self, candidate: str, how: str, **headers: str) -> Any:  # noqa: ANN401 - httpx's
        return self.client.post(f"{self.path}/candidates/{candidate}/{how}", json=WHY, headers=headers)

    def accepted(self, finding: str) -> str:
        """Have an edit for a finding proposed and accept it; the candidate's id."""
        proposed = self.propose(finding)
        assert proposed.status_code == 200, proposed.text
        assert proposed.json()["state"] == "proposed"
        candidate = str(proposed.json()["id"])
        self.decide(candidate, "accept").raise_for_status()
        return candidate

    def undo(self, **headers: str) -> Any:  # noqa: ANN401 - httpx's
        return self.client.post(f"{self.path}/undo", json=WHY, headers=headers)

    def close(self, state: str, **headers: str) -> Any:  # noqa: ANN401 - httpx's
        return self.client.post(f"{self.path}/close", json={"state": state, **WHY}, headers=headers)

    def part(self, **headers: str) -> Any:  # noqa: ANN401 - httpx's
        return self.client.get(f"{self.path}/part.step", headers=headers)


@pytest.fixture
def run_id(services: Services, model_id: str) -> str:
    run_id = new_id()
    findings = [{"id": finding, **FINDING} for finding in FINDINGS]
    review = {"process": "cnc_milling", "limits": "mtk", "material": {"id": "abs"}, "findings": findings}
    services.runs.add(model_id, run_id, review, job_id=run_id)
    return run_id


@pytest.fixture
def session(client: TestClient, model_id: str, run_id: str) -> Session:
    begun = client.post(f"/api/models/{model_id}/dfm/candidate-sessions", json={"run_id": run_id})
    assert begun.status_code == 201, begun.text
    return Session(client, begun.headers["location"])


@pytest.fixture
def editing(services: Services, sandbox: Sandbox) -> Iterator[None]:
    """A worker that edits, after a fashion."""
    with done_by("candidate", "tests.server.targets:candidate"), working(services, sandbox):
        yield


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_session_begins_with_the_part_and_findings_of_its_run(
    client: TestClient, model_id: str, run_id: str, session: Session
) -> None:
    shown = session.shown()
    assert (shown["run_id"], shown["state"], shown["author"]) == (run_id, "open", "admin")
    assert (shown["process"], shown["limits"], shown["material"]) == ("cnc_milling", "mtk", "abs")
    assert shown["part"] == {"sha256": hashlib.sha256(STEP).hexdigest(), "candidate": None}
    assert [finding["id"] for finding in shown["findings"]] == list(FINDINGS)
    sessions = f"/api/models/{model_id}/dfm/candidate-sessions"
    other = client.post(sessions, json={"run_id": run_id}).json()
    page = client.get(sessions, params={"limit": 1}).json()
    assert [item["id"] for item in page["items"]] == [other["id"]]
    page = client.get(sessions, params={"limit": 1, "cursor": page["next_cursor"]}).json()
    assert [item["id"] for item in page["items"]] == [shown["id"]] and page["next_cursor"] is None


@pytest.mark.parametrize(("bodies", "fixable"), [(1, {"a": True, "b": False}), (2, {"a": False, "b": False})])
def test_a_session_says_for_which_findings_there_is_an_edit_to_try(
    client: TestClient, services: Services, model_id: str, bodies: int, fixable: dict[str, bool]
) -> None:
    run_id = new_id()
    review = {
        "part": {"format": "STEP", "bodies": bodies},
        "process": "cnc_milling",
        "limits": "default",
        "findings": [{"id": "a", **FINDING}, {"id": "b", **FINDING, "rule": "setups"}],
    }
    services.runs.add(model_id, run_id, review, job_id=run_id)
    begun = client.post(f"/api/models/{model_id}/dfm/candidate-sessions", json={"run_id": run_id}).json()
    assert {finding["id"]: finding["fixable"] for finding in begun["findings"]} == fixable


def test_none_begins_without_a_run(client: TestClient, model_id: str) -> None:
    sessions = f"/api/models/{model_id}/dfm/candidate-sessions"
    assert problem(client.post(sessions, json={"run_id": new_id()})) == (404, "analysis_run_not_found")
    assert problem(client.post(sessions, json={"run_id": "x"})) == (422, "invalid_request")
    assert problem(client.get(f"{sessions}/{new_id()}")) == (404, "candidate_session_not_found")


@pytest.mark.usefixtures("editing")
def test_an_edit_is_proposed_proven_and_accepted(session: Session, services: Services) -> None:
    answer = session.propose("b")
    assert answer.status_code == 200, answer.text
    candidate = answer.json()
    assert (candidate["state"], candidate["finding"], candidate["on"]) == ("proposed", "b", None)
    assert (candidate["edit"], candidate["figures"]) == ("clear b", {"radius_to": 4.0})
    assert (candidate["cleared"], candidate["new"]) == (["b"], [])
    assert (candidate["volume_before"], candidate["volume_after"]) == (9.0, 10.0)
    assert answer.headers["job-shared"] == "false"
    assert session.client.get(answer.headers["content-location"]).json() == candidate
    assert session.findings() == list(FINDINGS), "nothing is changed until it is accepted"
    proposed_part = session.client.get(f"{answer.headers['content-location']}/part.step")
    assert proposed_part.content == STEP + b"/* without b */\n"
    assert session.part().content == STEP

    accepted = session.decide(candidate["id"], "accept", **{"If-Match": answer.headers["etag"]})
    assert accepted.status_code == 200, accepted.text
    assert accepted.json() == session.shown()
    assert accepted.json()["stack"] == [candidate["id"]]
    assert accepted.json()["part"] == {"sha256": candidate["part_sha256"], "candidate": candidate["id"]}
    assert session.findings() == [finding for finding in FINDINGS if finding != "b"]
    assert session.part().content == STEP + b"/* without b */\n"
    [job] = services.jobs.list(limit=10).items
    assert (job.kind, job.about, job.finding, job.id) == ("candidate", session.shown()["id"], "b", candidate["id"])
    assert (job.process, job.limits, job.material) == ("cnc_milling", "mtk", "abs")
    assert verify(services.data).findings == []


@pytest.mark.usefixtures("editing")
def test_edits_stack_and_are_taken_back(session: Session) -> None:
    first, second = session.accepted("a"), session.accepted("c")
    assert session.shown()["candidates"][1]["on"] == first
    assert session.part().content == STEP + b"/* without a */\n/* without c */\n"
    undone = session.undo()
    assert undone.status_code == 200, undone.text
    assert undone.json()["stack"] == [first]
    assert session.part().content == STEP + b"/* without a */\n"
    assert "c" in session.findings() and "a" not in session.findings()
    assert session.client.get(f"{session.path}/candidates/{second}").json()["state"] == "taken_back"
    session.accepted("c")
    session.undo(), session.undo()
    assert session.part().content == STEP
    assert problem(session.undo()) == (409, "nothing_accepted")


@pytest.mark.usefixtures("editing")
def test_where_no_edit_is_possible_the_session_says_why(session: Session) -> None:
    answer = session.propose("no-d")
    assert answer.status_code == 200
    candidate = answer.json()
    assert (candidate["state"], candidate["reason"]) == ("refused", "it does not fit")
    assert candidate["attempts"] == [{"words": "raise the radius to 4 mm", "refused": "it does not fit"}]
    part = session.client.get(f"{session.path}/candidates/{candidate['id']}/part.step")
    assert problem(part) == (409, "candidate_refused") and "it does not fit" in part.json()["detail"]
    assert problem(session.decide(candidate["id"], "accept")) == (409, "candidate_decided")
    session.accepted("a")  # nothing is in its way


@pytest.mark.usefixtures("editing")
def test_one_has_to_be_decided_before_the_next(session: Session) -> None:
    candidate = session.propose("a").json()["id"]
    for answer in (session.propose("b"), session.propose("a"), session.undo(), session.close("rejected")):
        assert problem(answer) == (409, "candidate_undecided")
    rejected = session.decide(candidate, "reject")
    assert rejected.status_code == 200 and rejected.json()["stack"] == []
    assert problem(session.decide(candidate, "accept")) == (409, "candidate_decided")
    assert session.part().content == STEP
    session.accepted("b")


def test_one_is_tried_at_a_time(session: Session, services: Services) -> None:
    first = session.propose("a", Prefer="respond-async")
    assert first.status_code == 202
    assert first.headers["location"] == f"/api/jobs/{first.json()['id']}"
    same = session.propose("a", Prefer="wait=0")
    assert (same.status_code, same.json()["id"], same.headers["job-shared"]) == (202, first.json()["id"], "true")
    for answer in (session.propose("b"), session.undo(), session.close("rejected")):
        assert problem(answer) == (409, "candidate_under_way")
        assert answer.json()["job"] == first.json()["id"]
    session.client.post(f"/api/jobs/{first.json()['id']}/cancel").raise_for_status()
    assert session.shown()["candidates"] == []
    assert session.close("rejected").status_code == 200
    assert len(services.jobs.list(limit=10).items) == 1


@pytest.mark.usefixtures("editing")
def test_two_who_decide_at_once(session: Session) -> None:
    proposed = session.propose("a")
    tag = {"If-Match": proposed.headers["etag"]}
    accepted = session.decide(proposed.json()["id"], "accept", **tag)
    assert accepted.status_code == 200
    late = session.decide(proposed.json()["id"], "reject", **tag)
    assert problem(late) == (412, "revision_conflict") and late.headers["etag"] == accepted.headers["etag"]
    for answer in (session.undo(**tag), session.close("accepted", **tag)):
        assert answer.status_code == 412
    assert session.undo(**{"If-Match": accepted.headers["etag"]}).status_code == 200


def test_what_was_decided_while_an_edit_was_tried_ends_it(
    session: Session, services: Services, sandbox: Sandbox
) -> None:
    """The session is closed between the check of the request and the end of the job."""
    keep = JobResults.keep

    def close_first(self: JobResults, *rest: Any) -> bool:  # noqa: ANN401 - as it is
        with mock.patch.object(services.jobs, "latest_about", return_value=None):
            assert session.close("rejected").status_code == 200
        return keep(self, *rest)

    with (
        done_by("candidate", "tests.server.targets:candidate"),
        mock.patch.object(JobResults, "keep", close_first),
        working(services, sandbox),
    ):
        answer = session.propose("a")
    assert problem(answer) == (409, "session_changed") and "is rejected" in answer.json()["detail"]
    assert session.shown()["candidates"] == []
    assert problem(session.propose("a")) == (409, "session_closed")


@pytest.mark.usefixtures("editing")
def test_only_a_finding_of_the_present_part_is_edited(session: Session, services: Services) -> None:
    assert problem(session.propose("unknown")) == (422, "no_finding")
    session.accepted("a")
    assert problem(session.propose("a")) == (422, "no_finding")
    assert len(services.jobs.list(limit=10).items) == 1, "no job is made of what cannot be done"


@pytest.mark.usefixtures("editing")
def test_a_crash_of_the_kernel_leaves_the_session_as_it_was(session: Session) -> None:
    before = session.shown()
    answer = session.propose("crash")
    assert problem(answer) == (422, "kernel_crashed")
    assert session.shown() == before
    session.accepted("a")


@pytest.mark.usefixtures("editing")
def test_a_cancelled_one_leaves_the_session_as_it_was(session: Session, services: Services) -> None:
    before = session.shown()
    job = session.propose("hang", Prefer="respond-async").json()["id"]
    wait_until(lambda: services.jobs.get(job).state is JobState.RUNNING)
    session.client.post(f"/api/jobs/{job}/cancel").raise_for_status()
    assert session.shown() == before
    session.accepted("a")


def test_one_that_could_not_be_queued_is_asked_for_again(session: Session, services: Services) -> None:
    with mock.patch.object(services.broker, "enqueue", side_effect=QueueDiskFullError("full")):
        assert session.propose("a").status_code == 507
    assert session.propose("a", Prefer="respond-async").status_code == 202


def test_a_worker_that_is_lost_after_it_kept_the_candidate_keeps_no_second(
    session: Session, services: Services, sandbox: Sandbox
) -> None:
    """What the next attempt finds: the candidate is there, and it only says so."""
    job = session.propose("a", Prefer="respond-async").json()["id"]
    reviewer = actors.Reviewer(services.settings)
    with done_by("candidate", "tests.server.targets:candidate"), mock.patch.object(actors, "sandbox", lambda: sandbox):
        with mock.patch.object(reviewer, "_succeed", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
            reviewer.run(job, "req-1")
        assert services.jobs.get(job).state is JobState.RUNNING
        revision = services.candidate_sessions.get(services.jobs.get(job).model_id, session.shown()["id"]).revision
        with mock.patch.object(sandbox, "run", side_effect=AssertionError("it is computed again")):
            reviewer.run(job, "req-1")
    assert services.jobs.get(job).state is JobState.SUCCEEDED
    assert [candidate["id"] for candidate in session.shown()["candidates"]] == [job]
    assert services.candidate_sessions.get(services.jobs.get(job).model_id, session.shown()["id"]).revision == revision


@pytest.mark.usefixtures("editing")
def test_who_what_and_why_are_in_the_activity_log(session: Session, model_id: str) -> None:
    session.accepted("a")
    session.undo()
    session.close("rejected")
    entries = session.client.get(f"/api/models/{model_id}/activity").json()["items"][:4]
    assert [(entry["what"], entry["who"]) for entry in reversed(entries)] == [
        ("candidate_session.candidate_proposed", "admin"),
        ("candidate_session.candidate_accepted", "admin"),
        ("candidate_session.edit_taken_back", "admin"),
        ("candidate_session.rejected", "admin"),
    ]
    assert all("it is cheaper" in str(entry["changes"]) for entry in entries[:3])


@pytest.mark.usefixtures("editing")
def test_a_decision_needs_a_reason(session: Session) -> None:
    candidate = session.propose("a").json()["id"]
    for how in (f"candidates/{candidate}/accept", f"candidates/{candidate}/reject", "undo"):
        for body in ({}, {"reason": ""}):
            assert problem(session.client.post(f"{session.path}/{how}", json=body)) == (422, "invalid_request")
    answer = session.client.post(f"{session.path}/close", json={"state": "open", **WHY})
    assert problem(answer) == (422, "invalid_request")


@pytest.mark.usefixtures("editing")
def test_a_closed_session_can_be_read_and_not_changed(session: Session) -> None:
    assert problem(session.close("accepted")) == (409, "nothing_accepted")
    session.accepted("a")
    closed = session.close("accepted")
    assert (closed.status_code, closed.json()["state"]) == (200, "accepted")
    assert session.part().content == STEP + b"/* without a */\n"
    for answer in (session.propose("b"), session.undo(), session.close("rejected")):
        assert problem(answer) == (409, "session_closed")


@pytest.mark.usefixtures("editing")
def test_what_a_client_has_is_not_sent_again(session: Session) -> None:
    candidate = session.accepted("a")
    for path in ("", "/part.step", "/review", f"/candidates/{candidate}/part.step"):
        first = session.client.get(session.path + path)
        again = session.client.get(session.path + path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b""), path
    session.undo()
    part = session.client.get(f"{session.path}/part.step")
    assert part.headers["etag"] == f'"{hashlib.sha256(STEP).hexdigest()}"'


@pytest.mark.usefixtures("editing")
def test_the_review_is_that_of_the_present_part(session: Session, services: Services, model_id: str) -> None:
    run = services.runs.get(model_id, session.shown()["run_id"]).review
    assert session.client.get(f"{session.path}/review").json() == run
    session.accepted("a")
    review = session.client.get(f"{session.path}/review").json()
    assert [finding["id"] for finding in review["findings"]] == session.findings()


@pytest.mark.usefixtures("editing")
@pytest.mark.parametrize(
    ("name", "plain", "full"),
    [
        ("Gehäuse Ø5.stp", "Geh_use _5", "Geh%C3%A4use%20%C3%985"),
        ('a"b;c\r\nX: y.step', "a_b_cX_ y", "a_b%3BcX_%20y"),
    ],
)
def test_files_are_named_after_the_part_safely(
    client: TestClient, services: Services, name: str, plain: str, full: str
) -> None:
    model_id = client.post("/api/models", params={"name": name}, content=STEP + name.encode()).json()["id"]
    run_id, findings = new_id(), [{"id": "a", **FINDING}]
    services.runs.add(model_id, run_id, {"process": "fdm", "limits": "default", "findings": findings}, job_id=run_id)
    sessions = f"/api/models/{model_id}/dfm/candidate-sessions"
    session = Session(client, client.post(sessions, json={"run_id": run_id}).headers["location"])
    part = session.part()
    assert part.headers["content-type"] == "model/step"
    assert f'attachment; filename="{plain}.step"' in part.headers["content-disposition"]
    session.accepted("a")
    header = session.part().headers["content-disposition"]
    assert f'filename="{plain}-edited.step"' in header and f"filename*=UTF-8''{full}-edited.step" in header


def test_a_viewer_reads_and_a_reviewer_changes(session: Session, services: Services) -> None:
    def becomes(role: Role) -> None:
        _, text = services.gate.tokens.make(f"a {role}", role, None)
        session.client.headers["Authorization"] = f"Bearer {text}"

    becomes(Role.VIEWER)
    assert session.part().status_code == 200
    assert session.findings() == list(FINDINGS)
    nobody = new_id()
    for answer in (session.propose("a"), session.decide(nobody, "accept"), session.undo(), session.close("rejected")):
        assert answer.status_code == 403
    becomes(Role.REVIEWER)
    assert session.propose("a", Prefer="respond-async").status_code == 202
    assert problem(session.decide(nobody, "accept")) == (404, "candidate_not_found")


def test_a_removed_model_takes_its_sessions_along(session: Session, model_id: str) -> None:
    session.client.delete(f"/api/models/{model_id}").raise_for_status()
    assert problem(session.client.get(session.path)) == (404, "model_not_found")


def test_an_attempt_in_a_session_that_was_closed_meanwhile_computes_nothing(
    session: Session, services: Services
) -> None:
    """Say of a job that an operator brought back."""
    job = session.propose("a", Prefer="respond-async").json()["id"]
    services.candidate_sessions.close(
        services.jobs.get(job).model_id, session.shown()["id"], SessionState.REJECTED, who="ann", reason="enough"
    )
    with mock.patch.object(actors, "sandbox", side_effect=AssertionError("it is computed")):
        actors.Reviewer(services.settings).run(job, "req-1")
    ended = services.jobs.get(job)
    assert ended.state is JobState.FAILED and ended.error is not None and ended.error.code == "session_changed"


def test_a_full_queue_refuses_it_before_anything_is_written(session: Session, services: Services) -> None:
    with mock.patch.object(services.broker, "check_room", side_effect=QueueFullError("It is full.", 3)):
        answer = session.propose("a", Prefer="respond-async")
    assert problem(answer) == (429, "queue_full") and answer.headers["retry-after"]
    assert services.jobs.ids() == []
