"""Whatever is done in whatever order, no message is lost, and none is answered twice."""

import tempfile
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

from workers.file_broker.storage import Claim, Storage

from .support import SetClock

LEASE_MS = 1000
MAX_DELIVERIES = 3
QUEUES = st.sampled_from(["q", "p"])
OWNERS = st.sampled_from(["a", "b", "c"])


class QueueModel(RuleBasedStateMachine):
    """Compares the storage with sets of message ids: accepted, answered, dead."""

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
                    self.dead.add(message_id)

    def drop(self, message_id: str) -> None:
        del self.held[message_id], self.lease_until[message_id]

    @rule(queue=QUEUES, priority=st.integers(-1, 1), delay=st.sampled_from([0, 0, 500]))
    def enqueue(self, queue: str, priority: int, delay: int) -> None:
        message_id = f"m{len(self.accepted)}"
        due_at = self.clock.unix_ms + delay if delay else 0
        self.storage.enqueue(queue, message_id, b"", priority=priority, due_at=due_at)
        self.accepted[message_id] = queue

    @rule(target=claims, queue=QUEUES, owner=OWNERS, limit=st.integers(1, 3), alone=st.booleans())
    def claim(self, queue: str, owner: str, limit: int, alone: bool) -> MultipleResults[Claim]:
        claimed = self.storage.claim(queue, owner, limit=limit, lease_ms=LEASE_MS, alone=alone)
        self.take_back_expired()
        for claim in claimed:
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

    @rule(claim=claims)
    def ack_and_keep_the_claim(self, claim: Claim) -> None:
        self.ack(claim)

    @rule(claim=claims)
    def reject(self, claim: Claim) -> None:
        accepted = self.storage.reject(claim, "no")
        assert accepted == self.may_answer(claim)
        if accepted:
            self.dead.add(claim.message_id)
            self.drop(claim.message_id)

    @rule(claim=claims)
    def give_back(self, claim: Claim) -> None:
        given = self.storage.give_back([claim])
        assert given == int(self.may_answer(claim))
        if given:
            self.drop(claim.message_id)

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
        self.storage.requeue_dead_letter(letter.id, letter.body)
        self.dead.discard(message_id)

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
