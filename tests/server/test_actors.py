"""The job itself: a real queue, a real Dramatiq worker and real sandbox children; only the engine is a stand-in."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import dramatiq
import pytest
from dramatiq import Message, Worker
from fastapi.testclient import TestClient

from server.services import Services
from server.settings import Settings
from server.stores.dfm_review_jobs import Job, JobState
from tests.job_targets import done_by
from tests.server.conftest import file_broker, step, wait_until, working
from workers import actors, job_errors
from workers.engine_digest import engine_digest
from workers.sandbox import ChildFailed, ChildLost, Sandbox


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"sandbox_deadline_seconds": 2.0, "review_wait_seconds": 60.0})


@pytest.fixture
def worker(services: Services, sandbox: Sandbox) -> Iterator[Worker]:
    with done_by("review", "tests.server.targets:review"), working(services, sandbox) as worker:
        yield worker


def upload(client: TestClient, what: str) -> str:
    return str(client.post("/api/models?name=a.step", content=step(what)).json()["id"])


def ask(client: TestClient, what: str) -> tuple[int, dict[str, Any]]:
    answer = client.post(f"/api/models/{upload(client, what)}/dfm/review-v2")
    return answer.status_code, answer.json()


@pytest.mark.usefixtures("worker")
def test_a_review(client: TestClient, services: Services, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    status, review = ask(client, "good")
    assert status == 200, review
    assert review["part"]["name"] == "a.step"
    [job] = services.jobs.list(limit=10).items
    assert (job.state, job.attempts, job.run_id) == (JobState.SUCCEEDED, 1, job.id)
    assert [change.state for change in job.history] == ["queued", "running", "succeeded"]
    wait_until(lambda: any(record.message == "job attempt" for record in caplog.records))
    [line] = [record.__dict__ for record in caplog.records if record.message == "job attempt"]
    assert (line["state"], line["attempt"]) == ("succeeded", 1)
    assert line["stages_ms"] == {"read": 1.5, "rules": 0.5}


@pytest.mark.usefixtures("worker")
def test_the_line_of_a_failed_attempt_has_the_stages_until_then(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert ask(client, "crash")[0] == 422
    wait_until(lambda: any(record.message == "job attempt" for record in caplog.records))
    [line] = [record.__dict__ for record in caplog.records if record.message == "job attempt"]
    assert line["state"] == "failed"
    assert [stage for stage, ms in line["stages_ms"].items() if ms >= 0] == ["read"]


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ("part_error", 422, "no_solid"),
        ("crash", 422, "kernel_crashed"),
        ("hang", 422, "timed_out"),
        ("bug", 500, "internal_error"),
    ],
)
def test_a_part_that_cannot_be_reviewed(
    client: TestClient, services: Services, what: str, status: int, code: str
) -> None:
    answered, problem = ask(client, what)
    assert (answered, problem["code"]) == (status, code), problem
    assert problem["advice"]
    [job] = services.jobs.list(limit=10).items
    assert (job.state, job.attempts) == (JobState.FAILED, 1)
    assert ask(client, "good")[0] == 200


@pytest.mark.usefixtures("worker")
def test_material_and_the_shops_rules_reach_the_engine(client: TestClient) -> None:
    url = f"/api/models/{upload(client, 'good')}/dfm/review-v2"
    review = client.post(url, json={"material": "abs"}).json()
    assert (review["material"], review["own_rules"]) == ({"id": "abs"}, "")
    (run,) = client.get(url.replace("dfm/review-v2", "analysis-runs")).json()["items"]
    assert run["material"] == {"id": "abs"}


def send(services: Services, job: Job) -> None:
    assert services.broker is not None
    actors.enqueue_review(services.broker, job)


def create(services: Services, model_id: str) -> Job:
    return services.jobs.create(model_id, "cnc_milling", "default", request_id="req-1", identity="admin")


def settled(services: Services) -> bool:
    counts = file_broker(services).storage.counts(["reviews", "reviews.DQ"])
    return counts.waiting == counts.delayed == counts.held == 0


@pytest.mark.usefixtures("worker")
def test_delivered_twice_is_done_once(client: TestClient, services: Services) -> None:
    job = create(services, upload(client, "good"))
    send(services, job)
    wait_until(lambda: services.jobs.get(job.id).state is JobState.SUCCEEDED)
    done = services.jobs.get(job.id)
    send(services, job)
    wait_until(lambda: settled(services))
    assert services.jobs.get(job.id) == done
    assert len(services.runs.list(job.model_id, limit=10).items) == 1


@pytest.mark.usefixtures("worker")
def test_taken_over_from_a_worker_that_went_away(client: TestClient, services: Services) -> None:
    job = create(services, upload(client, "good"))
    services.jobs.transition(job.id, JobState.RUNNING, reason="a worker took it")
    services.runs.add(job.model_id, job.id, {"kept": "by the first"}, job_id=job.id)
    send(services, job)
    wait_until(lambda: services.jobs.get(job.id).state is JobState.SUCCEEDED)
    done = services.jobs.get(job.id)
    assert done.attempts == 2
    assert "went away" in done.history[2].reason
    assert done.engine is None, "it is not known which one the first had"
    assert services.runs.get(job.model_id, job.id).review == {"kept": "by the first"}


@pytest.mark.usefixtures("worker")
def test_a_part_whose_worker_dies_each_time_is_given_up(client: TestClient, services: Services) -> None:
    job = create(services, upload(client, "good"))
    for _ in range(job_errors.MAX_ATTEMPTS):
        services.jobs.transition(job.id, JobState.RUNNING, reason="a worker took it")
    send(services, job)
    wait_until(lambda: services.jobs.get(job.id).state is JobState.DEAD)
    error = services.jobs.get(job.id).error
    assert error is not None and error.code == "worker_lost"


@pytest.mark.parametrize("error", [ChildLost("The fork server went away.", "read"), OSError(5, "I/O error")])
@pytest.mark.parametrize("times", [2, 9])
@pytest.mark.usefixtures("worker")
def test_what_may_pass_is_tried_again(
    client: TestClient, services: Services, sandbox: Sandbox, error: Exception, times: int
) -> None:
    failures = [error] * times
    real = sandbox.run

    def run(*args: Any, **options: Any) -> Any:  # noqa: ANN401
        if failures:
            raise failures.pop()
        return real(*args, **options)

    assert services.broker is not None
    fast = mock.patch.dict(services.broker.get_actor("run_review").options, min_backoff=1, max_backoff=2)
    with mock.patch.object(sandbox, "run", run), fast:
        job = create(services, upload(client, "good"))
        send(services, job)
        wait_until(lambda: services.jobs.get(job.id).state.is_final)
        wait_until(lambda: settled(services))
    done = services.jobs.get(job.id)
    states = [change.state for change in done.history]
    if times == 2:
        assert states == ["queued", "running", "retrying", "running", "retrying", "running", "succeeded"]
        assert done.history[2].reason == str(error)
        assert done.error is None
    else:
        assert states == ["queued", *["running", "retrying"] * 3, "running", "dead"]
        assert done.attempts == job_errors.MAX_ATTEMPTS
        assert done.error is not None and done.error.code in ("worker_lost", "storage_error")
        assert file_broker(services).dead_letters("reviews") == []


@pytest.mark.usefixtures("worker")
def test_a_model_that_is_gone_fails_its_job(client: TestClient, services: Services) -> None:
    model_id = upload(client, "good")
    job = create(services, model_id)
    client.delete(f"/api/models/{model_id}")
    send(services, job)
    wait_until(lambda: services.jobs.get(job.id).state is JobState.FAILED)
    error = services.jobs.get(job.id).error
    assert error is not None and error.code == "model_removed"


@pytest.mark.usefixtures("worker")
def test_a_model_that_goes_while_it_is_reviewed_is_no_bug(
    client: TestClient, services: Services, sandbox: Sandbox
) -> None:
    model_id = upload(client, "good")
    job = create(services, model_id)

    def run(*_args: Any, **_options: Any) -> Any:  # noqa: ANN401
        client.delete(f"/api/models/{model_id}")
        raise ChildFailed("FileNotFoundError: part.step", "start", "")

    with mock.patch.object(sandbox, "run", run):
        send(services, job)
        wait_until(lambda: services.jobs.get(job.id).state is JobState.FAILED)
    error = services.jobs.get(job.id).error
    assert error is not None and error.code == "model_removed"


@pytest.mark.usefixtures("worker")
def test_a_message_without_a_job_is_dropped(services: Services) -> None:
    assert services.broker is not None
    message: Message[None] = services.broker.get_actor("run_review").message("01ARZ3NDEKTSV4RRFFQ69G5FAV", "r")
    services.broker.enqueue(message)
    wait_until(lambda: settled(services))
    assert file_broker(services).dead_letters("reviews") == []


def test_the_ids_are_on_the_jobs_log_lines(services: Services, client: TestClient) -> None:
    job = create(services, upload(client, "good"))
    seen: list[dict[str, str]] = []

    def run(*_: Any, **__: Any) -> dict[str, Any]:  # noqa: ANN401
        from server.observability.logging import current_log_ids

        seen.append(current_log_ids())
        return {}

    with mock.patch.object(actors, "sandbox", lambda: mock.Mock(run=run)):
        actors.Reviewer(services.settings).run(job.id, "req-1")
    assert seen == [{"request_id": "req-1", "job_id": job.id, "model_id": job.model_id}]


def test_a_job_that_was_cancelled_meanwhile_stays_so(
    services: Services, client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    job = create(services, upload(client, "good"))

    def run(*_: Any, **__: Any) -> dict[str, Any]:  # noqa: ANN401
        services.jobs.transition(job.id, JobState.CANCELLED, reason="no longer wanted")
        return {}

    with mock.patch.object(actors, "sandbox", lambda: mock.Mock(run=run)):
        actors.Reviewer(services.settings).run(job.id, "req-1")
    assert services.jobs.get(job.id).state is JobState.CANCELLED
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def attempt(services: Services, job: Job, meanwhile: Callable[[], object]) -> Job:
    """The job after an attempt that makes a review by "us", while something else goes on."""

    def run(*_: Any, **__: Any) -> dict[str, Any]:  # noqa: ANN401
        meanwhile()
        return {"by": "us"}

    with mock.patch.object(actors, "sandbox", lambda: mock.Mock(run=run)):
        actors.Reviewer(services.settings).run(job.id, "req-1")
    return services.jobs.get(job.id)


def test_a_job_names_the_engine_that_made_its_run(services: Services, client: TestClient) -> None:
    job = attempt(services, create(services, upload(client, "good")), lambda: None)
    assert job.engine == engine_digest("")
    with mock.patch.object(services.runs, "get", side_effect=AssertionError("it is parsed")):
        assert services.runs.rendered(job.model_id, job.id) == b'{"by":"us"}'


def test_a_run_that_another_attempt_kept_is_by_an_unknown_engine(services: Services, client: TestClient) -> None:
    job = create(services, upload(client, "good"))
    done = attempt(services, job, lambda: services.runs.add(job.model_id, job.id, {"by": "the other"}, job_id=job.id))
    assert (done.state, done.run_id, done.engine) == (JobState.SUCCEEDED, job.id, None)
    assert services.runs.rendered(job.model_id, job.id) == b'{"by":"the other"}'


def test_a_rule_file_that_changes_meanwhile_leaves_the_engine_unknown(
    services: Services, client: TestClient, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text("before")
    services.settings = services.settings.model_copy(update={"rules_dir": str(rules)})
    jobs = [create(services, upload(client, what)) for what in ("one", "other")]
    assert attempt(services, jobs[0], lambda: None).engine == engine_digest(str(rules))
    assert attempt(services, jobs[1], lambda: rules.write_text("after")).engine is None


def test_the_broker_is_the_global_one(services: Services) -> None:
    assert dramatiq.get_broker() is services.broker
