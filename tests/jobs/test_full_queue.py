"""What a full queue must never refuse, whose jobs go first, and what the other brokers do instead."""

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from dramatiq import Broker

from server.review_options import DEFAULT_LIMITS, DEFAULT_PROCESS
from server.settings import Settings
from server.stores.dfm_review_jobs import Job, JobError, JobKind, JobState
from tests.jobs.conftest import Installation, working
from workers import actors, dead_letters
from workers.actors import NotQueuedError
from workers.file_broker import QueueFullError
from workers.sandbox import Sandbox

ERROR = JobError(code="worker_lost", title="t", detail="d", advice="a")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    # With leases so long, a retry that was refused is not made up for by another delivery of its original.
    return settings.model_copy(update={"max_queued_jobs": 2, "broker_lease_seconds": 600})


def refused(installation: Installation, job: Job) -> JobError:
    with pytest.raises(NotQueuedError) as caught:
        actors.put_on_queue(installation.jobs, installation.broker, job)
    return caught.value.error


def test_a_lost_message_is_sent_again(installation: Installation) -> None:
    lost = installation.ask("lost")
    for number in range(2):
        installation.send(f"waits {number}")
    assert refused(installation, installation.ask("new")).code == "queue_full"
    with mock.patch("workers.reconciler.SENDING_SECONDS", 0):
        assert installation.reconciler.look() == 1
    assert lost.id in installation.broker.message_ids(actors.QUEUE)  # type: ignore[attr-defined]


def test_an_operator_may_retry_a_dead_letter(installation: Installation) -> None:
    dead = installation.ask("dead")
    installation.jobs.transition(dead.id, JobState.DEAD, reason="d", error=ERROR)
    for number in range(2):
        installation.send(f"waits {number}")
    assert dead_letters.retry(installation.jobs, installation.broker, dead.id, by="me").state is JobState.QUEUED


def test_an_attempt_after_a_failed_one_is_made(installation: Installation, sandbox: Sandbox, tmp_path: Path) -> None:
    """Its message is written while the one before it is still held: there is no room for a new one then."""
    job = installation.send(f"lost_once {tmp_path / 'lost'}")
    other = installation.send(f"wait_for {tmp_path / 'go'}")
    assert refused(installation, installation.ask("new")).code == "queue_full"
    with working(installation, sandbox):
        done = installation.becomes(job, JobState.SUCCEEDED)
        assert [change.state for change in done.history][-3:] == ["retrying", "running", "succeeded"]
        (tmp_path / "go").touch()
        installation.becomes(other, JobState.SUCCEEDED)


def job_of(installation: Installation, what: str, identity: str, kind: JobKind) -> Job:
    model_id = installation.upload(what)
    wanted = DEFAULT_PROCESS, DEFAULT_LIMITS
    job, _ = installation.jobs.ask(model_id, *wanted, request_id="r", identity=identity, kind=kind)
    actors.enqueue_review(installation.broker, job)
    return job


def order(broker: Broker) -> Iterator[str]:
    consumer = broker.consume(actors.QUEUE, prefetch=100, timeout=0)
    while (message := next(consumer)) is not None:
        yield message.args[0]
    consumer.close()


def test_each_user_has_a_turn_and_part_facts_wait_for_reviews(installation: Installation) -> None:
    facts = [job_of(installation, f"facts {number}", "anna", "part_facts") for number in range(2)]
    anna = [job_of(installation, f"anna {number}", "anna", "review") for number in range(5)]
    bert = job_of(installation, "bert", "bert", "review")
    berts_facts = job_of(installation, "bert's facts", "bert", "part_facts")
    wanted = [anna[0], bert, *anna[1:], facts[0], berts_facts, facts[1]]
    assert list(order(installation.broker)) == [job.id for job in wanted]


def test_every_broker_is_looked_at_before_a_job_is_made(any_installation: Installation) -> None:
    new = any_installation.ask("new")
    for number in range(2):
        actors.check_room(any_installation.settings, any_installation.broker, new)
        any_installation.send(f"waits {number}")
    with pytest.raises(NotQueuedError) as caught:
        actors.check_room(any_installation.settings, any_installation.broker, new)
    assert caught.value.error.code == "queue_full" and caught.value.job is None
    assert isinstance(caught.value.__cause__, QueueFullError) and caught.value.__cause__.waiting == 2


def test_without_a_queue_there_is_no_room(installation: Installation) -> None:
    with pytest.raises(NotQueuedError) as caught:
        actors.check_room(installation.settings, None, installation.ask("new"))
    assert caught.value.error.code == "not_queued"
