"""Jobs change only as they may, and runs never."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.data_folder import DataFolder
from server.ids import new_id
from server.services import Services
from server.stores.analysis_runs import AnalysisRuns
from server.stores.dfm_review_jobs import TRANSITIONS, Job, JobError, JobState, ReviewJobs
from server.stores.errors import AlreadyExistsError, IllegalTransitionError, NotFoundError
from workers.file_broker import Wakeup

FINAL = {JobState.SUCCEEDED, JobState.FAILED, JobState.DEAD, JobState.CANCELLED}


@pytest.fixture
def jobs(data: DataFolder) -> ReviewJobs:
    return ReviewJobs(data)


def create(jobs: ReviewJobs, model_id: str | None = None) -> Job:
    return jobs.create(model_id or new_id(), "cnc_milling", "default", request_id="req-1", identity="admin")


def test_a_new_job_is_queued(jobs: ReviewJobs) -> None:
    job = create(jobs)
    assert jobs.get(job.id) == job
    assert (job.state, job.attempts, job.request_id) == (JobState.QUEUED, 0, "req-1")
    assert [change.reason for change in job.history] == ["requested"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(asked=st.lists(st.sampled_from(JobState), max_size=8))
def test_any_sequence_of_transitions(jobs: ReviewJobs, asked: list[JobState]) -> None:
    job = create(jobs)
    for state in asked:
        before = jobs.get(job.id)
        may = before.state not in FINAL and (
            state in FINAL - {JobState.SUCCEEDED}
            or state is JobState.RUNNING
            or (state is before.state)
            or (before.state is JobState.RUNNING and state in (JobState.RETRYING, JobState.SUCCEEDED))
            or (before.state is JobState.RETRYING and state is JobState.SUCCEEDED)
        )
        if may:
            after = jobs.transition(job.id, state, reason="because")
            assert after == jobs.get(job.id)
            assert after.state is state
            assert after.attempts == before.attempts + (state is JobState.RUNNING)
            assert after.history[:-1] == before.history
            assert (after.history[-1].state, after.history[-1].reason) == (state, "because")
            assert after.history[-1].attempt == after.attempts
        else:
            with pytest.raises(IllegalTransitionError):
                jobs.transition(job.id, state, reason="because")
            assert jobs.get(job.id) == before


WAY_TO = {
    JobState.QUEUED: [],
    JobState.RUNNING: [JobState.RUNNING],
    JobState.RETRYING: [JobState.RUNNING, JobState.RETRYING],
    **{state: [JobState.RUNNING, state] for state in FINAL},
}
MAY_FOLLOW = {
    JobState.QUEUED: {JobState.QUEUED, JobState.RUNNING, JobState.FAILED, JobState.DEAD, JobState.CANCELLED},
    JobState.RUNNING: {JobState.RUNNING, JobState.RETRYING, *FINAL},
    JobState.RETRYING: {JobState.RETRYING, JobState.RUNNING, *FINAL},
    **{state: set() for state in FINAL},
}


@pytest.mark.parametrize("start", JobState)
def test_every_transition(jobs: ReviewJobs, start: JobState) -> None:
    followed = set()
    for state in JobState:
        job = create(jobs)
        for step in WAY_TO[start]:
            jobs.transition(job.id, step, reason="on the way")
        try:
            jobs.transition(job.id, state, reason="tried")
            followed.add(state)
        except IllegalTransitionError:
            assert jobs.get(job.id).state is start
    assert followed == MAY_FOLLOW[start]


def test_final_states_are_those_without_a_way_on() -> None:
    assert {state for state in JobState if state.is_final} == FINAL
    assert set(TRANSITIONS) == set(JobState)


def test_of_many_that_end_a_job_at_once_one_does(jobs: ReviewJobs) -> None:
    job = create(jobs)

    def end(_: int) -> bool:
        try:
            jobs.transition(job.id, JobState.CANCELLED, reason="cancelled")
        except IllegalTransitionError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(end, range(8))) == [False] * 7 + [True]
    assert len(jobs.get(job.id).history) == 2


def test_a_change_wakes_whoever_waits(jobs: ReviewJobs, data: DataFolder) -> None:
    job = create(jobs)
    changes: list[Callable[[], object]] = [
        lambda: jobs.transition(job.id, JobState.RUNNING, reason="taken"),
        lambda: jobs.set_stage(job.id, "read"),
        lambda: jobs.transition(job.id, JobState.SUCCEEDED, reason="done"),
    ]
    with Wakeup(data.wake) as wakeup:
        for change in changes:
            assert not wakeup.wait(0)
            change()
            assert wakeup.wait(5)


def test_the_stage_is_shown_while_it_runs(jobs: ReviewJobs) -> None:
    job = create(jobs)
    jobs.set_stage(job.id, "read")
    assert jobs.get(job.id).stage is None
    jobs.transition(job.id, JobState.RUNNING, reason="taken")
    jobs.set_stage(job.id, "facts")
    assert jobs.get(job.id).stage == "facts"
    assert jobs.transition(job.id, JobState.SUCCEEDED, reason="done").stage is None


def test_unknown_jobs(jobs: ReviewJobs) -> None:
    for use in (jobs.get, lambda id_: jobs.transition(id_, JobState.RUNNING, reason="")):
        with pytest.raises(NotFoundError):
            use(new_id())


def test_jobs_over_http(client: TestClient, services: Services) -> None:
    model_id = new_id()
    first, second, other = create(services.jobs, model_id), create(services.jobs, model_id), create(services.jobs)
    error = JobError(code="no_solid", title="t", detail="d", advice="a")
    services.jobs.transition(first.id, JobState.FAILED, reason="d", error=error)

    def ids(query: str = "") -> list[str]:
        return [job["id"] for job in client.get(f"/api/jobs{query}").json()["items"]]

    assert ids() == [other.id, second.id, first.id]
    assert ids(f"?model_id={model_id}") == [second.id, first.id]
    assert ids("?state=failed") == [first.id]
    assert ids("?limit=1") == [other.id]
    assert client.get(f"/api/jobs/{first.id}").json()["error"]["code"] == "no_solid"
    assert [change["state"] for change in client.get(f"/api/jobs/{first.id}").json()["history"]] == [
        "queued",
        "failed",
    ]


def test_a_damaged_job_does_not_hide_the_others(client: TestClient, services: Services) -> None:
    good, bad = create(services.jobs), create(services.jobs)
    (services.data.jobs / f"{bad.id}.json").write_text("{")
    assert [job["id"] for job in client.get("/api/jobs").json()["items"]] == [good.id]


def test_runs_are_immutable(services: Services, model_id: str) -> None:
    run_id = new_id()
    services.runs.add(model_id, run_id, {"findings": []}, job_id=run_id)
    with pytest.raises(AlreadyExistsError):
        services.runs.add(model_id, run_id, {"findings": [1]}, job_id=run_id)
    assert services.runs.get(model_id, run_id).review == {"findings": []}


def test_of_many_runs_with_one_id_at_once_one_is_kept(services: Services, model_id: str) -> None:
    run_id = new_id()

    def add(number: int) -> int | None:
        try:
            services.runs.add(model_id, run_id, {"number": number}, job_id=run_id)
        except AlreadyExistsError:
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        kept = [number for number in pool.map(add, range(8)) if number is not None]
    assert [services.runs.get(model_id, run_id).review["number"]] == kept


def test_no_run_of_a_model_that_is_gone(services: Services, model_id: str) -> None:
    services.models.remove(model_id, who="admin")
    with pytest.raises(NotFoundError, match="model"):
        services.runs.add(model_id, new_id(), {}, job_id=new_id())
    assert not services.data.model(model_id).exists()


def test_runs_over_http(client: TestClient, services: Services, model_id: str) -> None:
    review = {"schema": "rapiddraft.review/1", "process": "cnc_milling", "limits": "mtk", "summary": {"score": 1}}
    ids = [new_id(), new_id()]
    for run_id in ids:
        services.runs.add(model_id, run_id, review | {"findings": ["ä"]}, job_id=run_id)
    listed = client.get(f"/api/models/{model_id}/analysis-runs").json()["items"]
    assert [run["id"] for run in listed] == ids[::-1]
    assert listed[0]["limits"] == "mtk" and listed[0]["summary"] == {"score": 1}
    assert "findings" not in listed[0]
    shown = client.get(f"/api/models/{model_id}/analysis-runs/{ids[0]}")
    assert shown.json() == review | {"findings": ["ä"]}


def test_run_documents_survive_a_new_store(services: Services, model_id: str, data: DataFolder) -> None:
    run_id = new_id()
    services.runs.add(model_id, run_id, {"a": 1}, job_id="job")
    assert AnalysisRuns(data).get(model_id, run_id).job_id == "job"
    assert {path.name for path in Path(data.model(model_id) / "runs").iterdir()} == {f"{run_id}.json"}
