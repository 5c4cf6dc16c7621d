"""Messages, claims, leases and dead letters in the file."""

import re
from pathlib import Path

import pytest

from workers.file_broker import DeadLetterNotFoundError
from workers.file_broker import storage as storage_module
from workers.file_broker.storage import Claim, Storage

from .support import SetClock

LEASE_MS = 1000


def claim(storage: Storage, owner: str = "a", *, limit: int = 10, queue: str = "q", alone: bool = True) -> list[Claim]:
    return storage.claim(queue, owner, limit=limit, lease_ms=LEASE_MS, alone=alone)


def bodies(claims: list[Claim]) -> list[bytes]:
    return [claim.body for claim in claims]


def lose(storage: Storage, clock: SetClock, times: int) -> None:
    """Let a holder take the next message and die, so many times."""
    for _ in range(times):
        assert claim(storage, "dies", limit=1)
        clock.go(LEASE_MS)


def test_messages_come_in_the_order_they_were_accepted_in_whatever_the_clock_does(
    storage: Storage, clock: SetClock
) -> None:
    for body in (b"1", b"2", b"3"):
        storage.enqueue("q", "id", body)
        clock.unix_ms -= 3_600_000
    assert bodies(claim(storage)) == [b"1", b"2", b"3"]


def test_lower_priority_goes_first(storage: Storage) -> None:
    for priority, body in ((5, b"late"), (0, b"first"), (5, b"later"), (-1, b"before")):
        storage.enqueue("q", "id", body, priority=priority)
    assert bodies(claim(storage, limit=3)) == [b"before", b"first", b"late"]
    assert bodies(claim(storage)) == [b"later"]


def test_queues_are_apart(storage: Storage) -> None:
    storage.enqueue("q", "id", b"mine")
    storage.enqueue("other", "id", b"theirs")
    assert bodies(claim(storage)) == [b"mine"]


def test_a_claimed_message_is_nobody_elses(storage: Storage) -> None:
    storage.enqueue("q", "id", b"1")
    assert claim(storage, "a")
    assert claim(storage, "b") == []


def test_an_answer_counts_once(storage: Storage) -> None:
    storage.enqueue("q", "id", b"1")
    [held] = claim(storage)
    assert storage.ack(held)
    assert not storage.ack(held)
    assert not storage.reject(held, "too late")
    assert storage.give_back([held]) == 0
    assert storage.is_empty(["q"])
    assert storage.dead_letters(["q"]) == []


def test_a_lease_that_runs_out_gives_the_message_to_another_and_refuses_the_first(
    storage: Storage, clock: SetClock
) -> None:
    storage.enqueue("q", "id", b"1")
    [first] = claim(storage, "a")
    clock.go(LEASE_MS - 1)
    assert claim(storage, "b") == []
    clock.go(1)
    [second] = claim(storage, "b")
    assert second.deliveries == 2
    assert not storage.ack(first)
    assert storage.ack(second)


def test_the_same_owner_cannot_answer_for_its_earlier_claim(storage: Storage, clock: SetClock) -> None:
    storage.enqueue("q", "id", b"1")
    [first] = claim(storage, "a")
    clock.go(LEASE_MS)
    [second] = claim(storage, "a")
    assert not storage.ack(first)
    assert storage.ack(second)


def test_a_renewed_lease_goes_on(storage: Storage, clock: SetClock) -> None:
    storage.enqueue("q", "id", b"1")
    [held] = claim(storage, "a")
    for _ in range(5):
        clock.go(LEASE_MS - 1)
        assert storage.renew("a", [held.id], lease_ms=LEASE_MS) == {held.id}
    assert claim(storage, "b") == []
    clock.go(LEASE_MS)
    [taken] = claim(storage, "b")
    assert storage.renew("a", [held.id], lease_ms=LEASE_MS) == set()
    assert storage.ack(taken)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_lease_does_not_care_about_the_time_of_day(storage: Storage, clock: SetClock, hours: int) -> None:
    storage.enqueue("q", "id", b"1")
    assert claim(storage, "a")
    clock.unix_ms += hours * 3_600_000
    assert claim(storage, "b") == []
    clock.go(LEASE_MS)
    assert claim(storage, "b")


def test_a_reboot_ends_every_lease(path: Path, storage: Storage, clock: SetClock) -> None:
    storage.enqueue("q", "id", b"1")
    assert claim(storage, "a")
    storage.close()
    clock.reboot()
    again = Storage(path, max_deliveries=5, clock=clock)
    [taken] = claim(again, "b")
    assert taken.deliveries == 2
    again.close()


def test_a_message_given_back_is_not_charged_for_its_delivery(storage: Storage) -> None:
    storage.enqueue("q", "id", b"1")
    storage.enqueue("q", "id", b"2")
    for _ in range(10):
        assert storage.give_back(claim(storage, limit=1)) == 1
    assert [(held.body, held.deliveries) for held in claim(storage)] == [(b"1", 1), (b"2", 1)]


def test_a_delayed_message_waits_for_its_time(storage: Storage, clock: SetClock) -> None:
    storage.enqueue("q", "id", b"later", due_at=clock.unix_ms + 500)
    storage.enqueue("q", "id", b"sooner", due_at=clock.unix_ms + 400)
    assert storage.next_due("q") == 400
    assert claim(storage) == []
    clock.go(500)
    assert storage.next_due("q") == 0
    assert bodies(claim(storage)) == [b"sooner", b"later"]
    assert storage.next_due("q") is None


def test_a_message_that_is_never_answered_becomes_a_dead_letter_with_its_history(
    storage: Storage, clock: SetClock
) -> None:
    number = storage.enqueue("q", "the id", b"poison")
    lose(storage, clock, times=5)
    assert claim(storage) == []
    [letter] = storage.dead_letters(["q"])
    assert (letter.id, letter.message_id, letter.body, letter.deliveries) == (number, "the id", b"poison", 5)
    assert letter.reason == "delivered 5 times without an answer"
    assert [event["delivery"] for event in letter.history] == [1, 2, 3, 4, 5]
    assert {(event["event"], event["owner"]) for event in letter.history} == {("lease ran out", "dies")}


def test_a_message_lost_twice_is_delivered_alone(storage: Storage, clock: SetClock) -> None:
    storage.enqueue("q", "id", b"suspect")
    lose(storage, clock, times=2)
    storage.enqueue("q", "id", b"good", priority=-1)
    assert claim(storage, "busy", alone=False) == []
    [suspect] = claim(storage, "idle", alone=True)
    assert suspect.body == b"suspect" and suspect.suspect
    assert bodies(claim(storage, "busy", alone=False)) == [b"good"]


def test_a_rejected_message_is_kept_as_its_worker_left_it(storage: Storage) -> None:
    storage.enqueue("q", "id", b"before")
    [held] = claim(storage)
    assert storage.reject(held, "failed: no solid", b"after")
    [letter] = storage.dead_letters(["q"])
    assert (letter.body, letter.reason) == (b"after", "failed: no solid")
    assert storage.is_empty(["q"])


def test_a_dead_letter_can_be_delivered_again(storage: Storage, clock: SetClock) -> None:
    number = storage.enqueue("q", "id", b"1")
    lose(storage, clock, times=5)
    claim(storage)
    again = storage.requeue_dead_letter(number, b"1", priority=3)
    assert again != number
    assert storage.dead_letters(["q"]) == []
    [held] = claim(storage)
    assert (held.id, held.message_id, held.deliveries) == (again, "id", 1)
    storage.reject(held, "failed again")
    [letter] = storage.dead_letters(["q"])
    assert [event["event"] for event in letter.history][-2:] == ["lease ran out", "requeued from the dead letters"]


def test_a_dead_letter_can_be_purged(storage: Storage) -> None:
    storage.enqueue("q", "id", b"1")
    [held] = claim(storage)
    storage.reject(held, "failed")
    storage.purge_dead_letter(held.id)
    assert storage.dead_letters(["q"]) == []
    for act in (storage.purge_dead_letter, storage.dead_letter, lambda n: storage.requeue_dead_letter(n, b"")):
        with pytest.raises(DeadLetterNotFoundError):
            act(held.id)
    assert storage.is_empty(["q"])


def test_counts(storage: Storage, clock: SetClock) -> None:
    for body in (b"1", b"2", b"3", b"4"):
        storage.enqueue("q", body.decode(), body)
    storage.enqueue("q.DQ", "5", b"5", due_at=clock.unix_ms + 1)
    held = claim(storage, limit=2)
    storage.reject(held[0], "failed")
    counts = storage.counts(["q", "q.DQ"])
    assert (counts.waiting, counts.delayed, counts.held, counts.dead) == (2, 1, 1, 1)
    assert storage.message_ids(["q", "q.DQ"]) == {"2", "3", "4", "5"}


def test_flush_leaves_other_queues_and_dead_letters(storage: Storage) -> None:
    for queue in ("q", "q", "other"):
        storage.enqueue(queue, "id", b"1")
    [held] = claim(storage, limit=1)
    storage.reject(held, "failed")
    assert storage.flush(["q"]) == 1
    assert storage.is_empty(["q"]) and not storage.is_empty(["other"])
    assert len(storage.dead_letters(["q"])) == 1


@pytest.mark.parametrize("name", ["_LOOK", "_CLAIM"])
def test_looking_and_claiming_cost_the_same_with_a_long_queue(storage: Storage, name: str) -> None:
    sql = getattr(storage_module, name)
    terms = dict.fromkeys(re.findall(r":(\w+)", sql), 0)
    plan = [row[3] for row in storage._file.read(f"EXPLAIN QUERY PLAN {sql}", terms)]
    assert not [step for step in plan if "SCAN messages" in step or "TEMP B-TREE" in step], plan
    assert any("messages_suspect" in step for step in plan) or name == "_CLAIM"
