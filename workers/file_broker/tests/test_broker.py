"""The broker under a real Dramatiq worker."""

import threading
import time
from pathlib import Path

import dramatiq
import dramatiq.worker
import pytest
from dramatiq import Worker
from dramatiq.broker import MessageProxy
from dramatiq.errors import QueueJoinTimeout, QueueNotFound

from workers.file_broker import FileBroker, MessageTooLargeError, QueueDiskFullError, QueueFileBusyError
from workers.file_broker import consumer as consumer_module
from workers.file_broker.broker import MAX_MESSAGE_BYTES

from .support import message, running_worker, wait_until


def next_of(broker: FileBroker, queue: str = "reviews", prefetch: int = 1) -> MessageProxy | None:
    consumer = broker.consume(queue, prefetch=prefetch, timeout=50)
    taken = next(consumer)
    consumer.close()
    return taken


def test_messages_are_processed_and_gone(broker: FileBroker) -> None:
    seen: list[int] = []

    @dramatiq.actor(queue_name="reviews")
    def review(number: int) -> None:
        seen.append(number)

    for number in range(50):
        review.send(number)
    with running_worker(broker):
        broker.join("reviews", timeout=20_000)
    assert sorted(seen) == list(range(50))
    assert broker.message_ids("reviews") == set()


def test_one_thread_processes_in_order(broker: FileBroker) -> None:
    seen: list[int] = []

    @dramatiq.actor(queue_name="reviews")
    def review(number: int) -> None:
        seen.append(number)

    for number in range(30):
        review.send(number)
    with running_worker(broker, threads=1):
        broker.join("reviews", timeout=20_000)
    assert seen == list(range(30))


def test_the_actors_priority_counts_over_the_whole_queue(broker: FileBroker) -> None:
    seen: list[str] = []

    @dramatiq.actor(queue_name="reviews", priority=10)
    def whenever(name: str) -> None:
        seen.append(name)

    @dramatiq.actor(queue_name="reviews", priority=0)
    def now(name: str) -> None:
        seen.append(name)

    for number in range(20):
        whenever.send(f"whenever {number}")
    now.send("now")
    with running_worker(broker, threads=1):
        broker.join("reviews", timeout=20_000)
    assert seen[0] == "now"


def test_a_message_is_on_another_broker_of_the_same_file(path: Path, broker: FileBroker) -> None:
    sent = broker.enqueue(message("review", "reviews", 1))
    other = FileBroker(path)
    other.declare_queue("reviews")
    taken = next_of(other)
    assert taken is not None and (taken.message_id, taken.args) == (sent.message_id, (1,))
    other.close()


def test_a_delayed_message_is_not_early_and_is_held_by_nobody_meanwhile(broker: FileBroker) -> None:
    started: list[float] = []

    @dramatiq.actor(queue_name="reviews")
    def review() -> None:
        started.append(time.time())

    sent = time.time()
    review.send_with_options(delay=400)
    with running_worker(broker):
        wait_until(lambda: broker.counts("reviews").delayed == 1)
        assert broker.counts("reviews").held == 0
        broker.join("reviews", timeout=20_000)
    assert started[0] - sent >= 0.399


def test_a_failing_message_is_retried_under_the_same_id_and_then_dead(broker: FileBroker) -> None:
    attempts: list[str] = []

    @dramatiq.actor(queue_name="reviews", max_retries=2, min_backoff=1, max_backoff=5)
    def review() -> None:
        current = dramatiq.middleware.CurrentMessage.get_current_message()
        attempts.append(current.message_id if current else "")
        raise ValueError("no solid")

    broker.add_middleware(dramatiq.middleware.CurrentMessage())
    sent = review.send()
    with running_worker(broker):
        wait_until(lambda: broker.dead_letters("reviews"))
    assert attempts == [sent.message_id] * 3
    [letter] = broker.dead_letters("reviews")
    assert letter.message_id == sent.message_id
    assert letter.reason == "failed: ValueError('no solid')"
    assert "no solid" in letter.message.options["traceback"]


def test_a_message_whose_retry_cannot_be_written_is_not_lost(broker: FileBroker) -> None:
    attempts: list[int] = []
    reserved = broker.storage.reserved_bytes

    @dramatiq.actor(queue_name="reviews", max_retries=1, min_backoff=1, max_backoff=5)
    def review() -> None:
        attempts.append(1)
        broker.storage.reserved_bytes = 1 << 60 if len(attempts) == 1 else reserved
        if len(attempts) < 3:
            raise ValueError("try again")

    review.send()
    with running_worker(broker):
        wait_until(lambda: len(attempts) == 3)
        broker.join("reviews", timeout=20_000)
    assert broker.dead_letters("reviews") == []


def test_a_requeued_dead_letter_has_all_its_attempts_again(broker: FileBroker) -> None:
    attempts: list[int] = []

    @dramatiq.actor(queue_name="reviews", max_retries=2, min_backoff=1, max_backoff=5)
    def review() -> None:
        attempts.append(1)
        if len(attempts) < 6:
            raise ValueError("not yet")

    review.send()
    with running_worker(broker):
        wait_until(lambda: broker.dead_letters("reviews"))
        assert len(attempts) == 3
        broker.requeue_dead_letter(broker.dead_letters("reviews")[0].id)
        wait_until(lambda: len(attempts) == 6)
        broker.join("reviews", timeout=20_000)
    assert broker.dead_letters("reviews") == []


def test_a_message_that_cannot_be_decoded_does_not_hold_up_the_others(broker: FileBroker) -> None:
    broker.storage.enqueue("reviews", "broken", b"\xff not a message")
    good = broker.enqueue(message())
    taken = next_of(broker)
    assert taken is not None and taken.message_id == good.message_id
    [letter] = broker.dead_letters("reviews")
    assert letter.message_id == "broken" and letter.reason.startswith("cannot be decoded")
    with pytest.raises(dramatiq.DecodeError):
        _ = letter.message
    broker.requeue_dead_letter(letter.id)
    assert broker.message_ids("reviews") == {"broken", good.message_id}


def test_a_late_answer_is_refused_and_logged(broker: FileBroker, caplog: pytest.LogCaptureFixture) -> None:
    broker.enqueue(message())
    consumer = broker.consume("reviews", timeout=50)
    taken = next(consumer)
    assert taken is not None
    consumer.ack(taken)
    consumer.ack(taken)
    consumer.nack(taken)
    assert [record.message.split(" message")[0] for record in caplog.records] == [
        "Refused to acknowledge",
        "Refused to reject",
    ]
    assert broker.dead_letters("reviews") == []
    consumer.close()


@pytest.mark.parametrize("fails", [False, True])
def test_an_answer_that_fails_is_given_again(
    broker: FileBroker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fails: bool
) -> None:
    monkeypatch.setattr(dramatiq.worker, "POST_PROCESS_MESSAGE_RETRY_DELAY_SECS", 0.01)
    refusals = [QueueFileBusyError("stayed locked"), QueueDiskFullError("no room")]
    answer = "reject" if fails else "ack"
    give = getattr(broker.storage, answer)

    def refused_twice(*args: object) -> bool:
        if refusals:
            raise refusals.pop()
        return bool(give(*args))

    monkeypatch.setattr(broker.storage, answer, refused_twice)
    runs: list[int] = []

    @dramatiq.actor(queue_name="reviews", max_retries=0)
    def review() -> None:
        runs.append(1)
        if fails:
            raise ValueError("no solid")

    review.send()
    with running_worker(broker):
        broker.join("reviews", timeout=20_000)
    assert (len(runs), len(broker.dead_letters("reviews")), refusals) == (1, int(fails), [])
    assert "operation will be retried" in caplog.text


def test_a_worker_that_prefetches_no_more_than_its_threads_holds_nothing_unstarted(broker: FileBroker) -> None:
    running: list[int] = []
    finish = threading.Event()

    @dramatiq.actor(queue_name="reviews")
    def review(number: int) -> None:
        running.append(number)
        finish.wait(20)

    for number in range(5):
        review.send(number)
    worker = Worker(broker, worker_timeout=100, worker_threads=2)
    worker.queue_prefetch = 2
    worker.start()
    wait_until(lambda: len(running) == 2)
    counts = broker.counts("reviews")
    assert (counts.held, counts.waiting) == (2, 3)
    finish.set()
    broker.join("reviews", timeout=20_000)
    worker.stop()
    assert sorted(running) == list(range(5))


def test_prefetch_limits_what_is_held(broker: FileBroker) -> None:
    for _ in range(5):
        broker.enqueue(message())
    consumer = broker.consume("reviews", prefetch=2, timeout=50)
    first, second, third = next(consumer), next(consumer), next(consumer)
    assert first and second and third is None
    consumer.ack(first)
    assert next(consumer) is not None
    consumer.close()


def test_an_answer_makes_a_full_consumer_fetch_at_once(broker: FileBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer_module, "POLL_SECONDS", 600.0)  # so that it is not the poll
    for _ in range(2):
        broker.enqueue(message())
    consumer = broker.consume("reviews", prefetch=1, timeout=60_000)
    first = next(consumer)
    assert first is not None
    fetched: list[MessageProxy | None] = []
    thread = threading.Thread(target=lambda: fetched.append(next(consumer)))
    thread.start()
    consumer.ack(first)
    thread.join(20)
    assert len(fetched) == 1 and fetched[0] is not None
    consumer.close()


def test_nothing_is_held_beside_a_message_that_was_lost_twice(broker: FileBroker) -> None:
    suspect = broker.enqueue(message())
    for _ in range(2):
        assert broker.storage.claim("reviews", "dies", limit=1, lease_ms=0)
    good = broker.enqueue(message())
    consumer = broker.consume("reviews", prefetch=4, timeout=50)
    taken = next(consumer)
    assert taken is not None and taken.message_id == suspect.message_id
    assert next(consumer) is None
    consumer.ack(taken)
    following = next(consumer)
    assert following is not None and following.message_id == good.message_id
    consumer.close()


def test_what_was_fetched_and_not_handed_out_goes_back_when_the_consumer_closes(broker: FileBroker) -> None:
    for _ in range(3):
        broker.enqueue(message())
    consumer = broker.consume("reviews", prefetch=3, timeout=50)
    handed_out = next(consumer)
    assert handed_out is not None
    consumer.close()
    counts = broker.counts("reviews")
    assert (counts.waiting, counts.held) == (2, 1)


def test_shutdown_returns_unstarted_messages_before_the_started_one_ends(broker: FileBroker) -> None:
    started, finish = threading.Event(), threading.Event()
    ended_by: list[str] = []

    @dramatiq.actor(queue_name="reviews")
    def review() -> None:
        started.set()
        finish.wait(20)
        ended_by.append("first")

    for _ in range(4):
        review.send()
    with running_worker(broker, threads=1) as worker:
        started.wait(20)
        wait_until(lambda: broker.counts("reviews").held == 2)
        stopping = threading.Thread(target=worker.stop)
        stopping.start()
        wait_until(lambda: broker.counts("reviews").held == 1)
        assert not ended_by
        finish.set()
        stopping.join(20)
    counts = broker.counts("reviews")
    assert (counts.waiting, counts.held, ended_by) == (3, 0, ["first"])
    for claim in broker.storage.claim("reviews", "looks", limit=3, lease_ms=1000):
        assert claim.deliveries == 1, "an unstarted message was charged for its delivery"


def test_a_running_message_keeps_its_lease(path: Path, broker: FileBroker) -> None:
    renewals: list[set[int]] = []
    finish = threading.Event()
    renew = broker.storage.renew

    def counted(owner: str, numbers: set[int], *, lease_ms: int) -> set[int]:
        renewals.append(renew(owner, numbers, lease_ms=lease_ms))
        return renewals[-1]

    broker.storage.renew = counted  # type: ignore[method-assign,assignment]

    @dramatiq.actor(queue_name="reviews")
    def review() -> None:
        finish.wait(20)

    review.send()
    other = FileBroker(path)
    other.declare_queue("reviews")
    with running_worker(broker):
        wait_until(lambda: len(renewals) >= 4)  # longer than one lease
        assert next_of(other) is None
        finish.set()
        broker.join("reviews", timeout=20_000)
    assert len(set.union(*renewals)) == 1
    other.close()


def test_a_message_that_hangs_past_its_time_limit_goes_to_another(path: Path, broker: FileBroker) -> None:
    finish = threading.Event()

    @dramatiq.actor(queue_name="reviews", time_limit=100)
    def review() -> None:
        finish.wait(60)

    sent = review.send()
    other = FileBroker(path, lease_seconds=1.0)
    other.declare_queue("reviews")
    consumer = other.consume("reviews", timeout=20_000)
    with running_worker(broker):
        wait_until(lambda: broker.counts("reviews").held == 1)
        taken = next(consumer)
        assert taken is not None and taken.message_id == sent.message_id
        consumer.ack(taken)
        finish.set()
    consumer.close()
    other.close()


def test_unknown_queues_are_refused(broker: FileBroker) -> None:
    for act in (broker.consume, broker.flush, broker.join):
        with pytest.raises(QueueNotFound):
            act("unknown")
    with pytest.raises(QueueNotFound):
        broker.enqueue(message(queue="unknown"))


def test_a_message_that_is_too_large_is_refused(broker: FileBroker) -> None:
    with pytest.raises(MessageTooLargeError):
        broker.enqueue(message("review", "reviews", "x" * MAX_MESSAGE_BYTES))
    assert broker.message_ids("reviews") == set()


def test_join_gives_up_at_its_time_limit(broker: FileBroker) -> None:
    broker.enqueue(message(), delay=60_000)
    with pytest.raises(QueueJoinTimeout):
        broker.join("reviews", timeout=50)


def test_flush_all_drops_what_waits(broker: FileBroker) -> None:
    broker.enqueue(message())
    broker.enqueue(message(), delay=60_000)
    broker.flush_all()
    assert broker.message_ids("reviews") == set()


def test_declaring_a_queue_twice_is_once(broker: FileBroker) -> None:
    declared: list[str] = []

    class Listens(dramatiq.Middleware):
        def after_declare_queue(self, broker: dramatiq.Broker, queue_name: str) -> None:  # noqa: ARG002
            declared.append(queue_name)

    broker.add_middleware(Listens())
    declared.clear()  # those from before
    broker.declare_queue("reviews")
    broker.declare_queue("more")
    assert declared == ["more"]
    assert broker.get_declared_queues() == {"reviews", "more"}
    assert broker.get_declared_delay_queues() == {"reviews.DQ", "more.DQ"}
