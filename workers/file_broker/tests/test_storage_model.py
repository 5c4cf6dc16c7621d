"""Whatever is done in whatever order, no message is lost, none is answered twice, and the order is the fair one."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
)

from workers.file_broker.storage import SUSPECT_AFTER, Claim, Storage

from .support import SetClock

LEASE_MS = 1000
MAX_DELIVERIES = 3
QUEUES = st.sampled_from(["q", "p"])
OWNERS = st.sampled_from(["a", "b", "c"])
GROUPS = st.sampled_from(["", "A", "B"])


@dataclass
class Place:
    """What a message's place in its queue follows from."""

    queue: str
    group: str
    priority: int
    due_at: int
    turn: int
    number: int
    deliveries: int = 0

    @property
    def rank(self) -> tuple[int, int, int, int]:
        return self.due_at, self.priority, self.turn, self.number


class QueueModel(RuleBasedStateMachine):
    """Compares the storage with sets of message ids (accepted, answered, dead), and its order with their places."""

    claims: Bundle[Claim] = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = SetClock()
        self.storage = self.opened()
        self.accepted: dict[str, str] = {}  # message id -> queue
        self.answered: set[str] = set()
        self.dead: set[str] = set()
        self.held: dict[str, Claim] = {}  # message id -> the claim that may answer
        self.lease_until: dict[str, int] = {}
        self.places: dict[str, Place] = {}  # of what is in a queue
        self.served: dict[tuple[str, int], int] = {}  # queue and priority -> the latest turn handed out

    def opened(self) -> Storage:
        return Storage(Path(self.folder.name) / "queue", max_deliveries=MAX_DELIVERIES, clock=self.clock)

    def teardown(self) -> None:
        self.storage.close()
        self.folder.cleanup()

    def may_answer(self, claim: Claim) -> bool:
        """Whether the claim is the last one on its message: an expired lease lasts until somebody claims."""
        return self.held.get(claim.message_id) == claim

    def take_back_expired(self) -> None:
        for message_id, until in list(self.lease_until.items()):
            if until <= self.clock.boot_ms:
                claim = self.held.pop(message_id)
                del self.lease_until[message_id]
                if claim.deliveries >= MAX_DELIVERIES:
                    self.bury(message_id)

    def drop(self, message_id: str) -> None:
        del self.held[message_id], self.lease_until[message_id]

    def bury(self, message_id: str) -> None:
        self.dead.add(message_id)
        del self.places[message_id]

    def place(self, message_id: str, queue: str, group: str, priority: int, due_at: int, number: int) -> None:
        """Its turn comes after those of its group that are in the queue, and is not over yet."""
        mates = [
            place.turn
            for place in self.places.values()
            if (place.queue, place.group, place.priority) == (queue, group, priority)
        ]
        turn = 1 + max([self.served.get((queue, priority), 0), *mates])
        self.places[message_id] = Place(queue, group, priority, due_at, turn, number)

    def next_in(self, queue: str, *, limit: int, alone: bool) -> list[str]:
        """The messages that are to be handed out, in their order."""
        waiting = {
            message_id: place
            for message_id, place in self.places.items()
            if place.queue == queue and message_id not in self.held and place.due_at <= self.clock.unix_ms
        }
        order = sorted(waiting, key=lambda message_id: waiting[message_id].rank)
        suspects = [message_id for message_id in order if waiting[message_id].deliveries >= SUSPECT_AFTER]
        if suspects:
            return suspects[:1] if alone else []
        return order[:limit]

    @rule(queue=QUEUES, group=GROUPS, priority=st.integers(-1, 1), delay=st.sampled_from([0, 0, 500]))
    def enqueue(self, queue: str, group: str, priority: int, delay: int) -> None:
        message_id = f"m{len(self.accepted)}"
        due_at = self.clock.unix_ms + delay if delay else 0
        number = self.storage.enqueue(queue, message_id, b"", priority=priority, due_at=due_at, group=group)
        self.accepted[message_id] = queue
        self.place(message_id, queue, group, priority, due_at, number)

    @rule(target=claims, queue=QUEUES, owner=OWNERS, limit=st.integers(1, 3), alone=st.booleans())
    def claim(self, queue: str, owner: str, limit: int, alone: bool) -> MultipleResults[Claim]:
        claimed = self.storage.claim(queue, owner, limit=limit, lease_ms=LEASE_MS, alone=alone)
        self.take_back_expired()
        assert [claim.message_id for claim in claimed] == self.next_in(queue, limit=limit, alone=alone)
        for claim in claimed:
            place = self.places[claim.message_id]
            place.deliveries += 1
            turns = queue, place.priority
            self.served[turns] = max(self.served.get(turns, 0), place.turn)
            assert claim.message_id not in self.held, "handed out while somebody holds it"
            assert claim.message_id not in self.answered | self.dead, "handed out after its answer"
            assert self.accepted[claim.message_id] == queue
            self.held[claim.message_id] = claim
            self.lease_until[claim.message_id] = self.clock.boot_ms + LEASE_MS
        assert len(claimed) <= limit
        assert alone or not any(claim.suspect for claim in claimed)
        return multiple(*claimed)

    @rule(claim=consumes(claims))
    def ack(self, claim: Claim) -> None:
        accepted = self.storage.ack(claim)
        assert accepted == self.may_answer(claim)
        if accepted:
            assert claim.message_id not in self.answered
            self.answered.add(claim.message_id)
            self.drop(claim.message_id)
            del self.places[claim.message_id]

    @rule(claim=claims)
    def ack_and_keep_the_claim(self, claim: Claim) -> None:
        self.ack(claim)

    @rule(claim=claims)
    def reject(self, claim: Claim) -> None:
        accepted = self.storage.reject(claim, "no")
        assert accepted == self.may_answer(claim)
        if accepted:
            self.bury(claim.message_id)
            self.drop(claim.message_id)

    @rule(claim=claims)
    def give_back(self, claim: Claim) -> None:
        given = self.storage.give_back([claim])
        assert given == int(self.may_answer(claim))
        if given:
            self.drop(claim.message_id)
            self.places[claim.message_id].deliveries -= 1

    @rule(owner=OWNERS)
    def renew(self, owner: str) -> None:
        numbers = [claim.id for claim in self.held.values()]
        kept = self.storage.renew(owner, numbers, lease_ms=LEASE_MS)
        assert kept == {claim.id for claim in self.held.values() if claim.owner == owner}
        for message_id, claim in self.held.items():
            if claim.owner == owner:
                self.lease_until[message_id] = self.clock.boot_ms + LEASE_MS

    @rule(milliseconds=st.sampled_from([1, 300, LEASE_MS]))
    def time_passes(self, milliseconds: int) -> None:
        self.clock.go(milliseconds)

    @rule(hours=st.integers(-24, 24))
    def the_time_of_day_is_set(self, hours: int) -> None:
        self.clock.unix_ms += hours * 3_600_000

    @rule()
    def the_process_is_restarted(self) -> None:
        self.storage.close()
        self.storage = self.opened()

    @rule()
    def the_machine_is_restarted(self) -> None:
        self.storage.close()
        self.clock.reboot()
        self.lease_until = dict.fromkeys(self.lease_until, 0)
        self.storage = self.opened()

    @precondition(lambda self: self.dead)
    @rule(data=st.data())
    def requeue_dead_letter(self, data: st.DataObject) -> None:
        message_id = data.draw(st.sampled_from(sorted(self.dead)))
        [letter] = [letter for letter in self.storage.dead_letters(["q", "p"]) if letter.message_id == message_id]
        number = self.storage.requeue_dead_letter(letter.id, letter.body, group="A")
        self.dead.discard(message_id)
        self.place(message_id, letter.queue, "A", priority=0, due_at=0, number=number)

    @invariant()
    def nothing_is_lost(self) -> None:
        in_queues = self.storage.message_ids(["q", "p"])
        letters = {letter.message_id for letter in self.storage.dead_letters(["q", "p"])}
        assert in_queues | letters == self.accepted.keys() - self.answered
        assert letters == self.dead
        assert not in_queues & letters


TestQueueModel = QueueModel.TestCase
TestQueueModel.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
