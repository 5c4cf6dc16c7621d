"""Groups have their turns one after the other, whoever sent first or most."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from workers.file_broker import FileBroker
from workers.file_broker.storage import Claim, Storage

from .support import SetClock, message

LEASE_MS = 1000


def send(storage: Storage, group: str, name: str, *, queue: str = "q", priority: int = 0, due_at: int = 0) -> None:
    storage.enqueue(queue, name, b"", group=group, priority=priority, due_at=due_at)


def claim(storage: Storage, limit: int = 1) -> list[Claim]:
    return storage.claim("q", "a", limit=limit, lease_ms=LEASE_MS, alone=True)


def rest(storage: Storage) -> list[str]:
    """What is left, in the order in which one worker gets it."""
    return [one.message_id for one in claim(storage, limit=1000)]


def test_one_message_goes_before_all_but_one_of_fifty_of_another_group(storage: Storage) -> None:
    for number in range(50):
        send(storage, "A", f"A{number}")
    send(storage, "B", "B0")
    assert rest(storage)[:3] == ["A0", "B0", "A1"]


def test_and_so_it_does_when_half_of_them_are_through(storage: Storage) -> None:
    for number in range(50):
        send(storage, "A", f"A{number}")
    for _ in range(25):
        storage.ack(*claim(storage))
    send(storage, "B", "B0")
    assert rest(storage)[:3] == ["A25", "B0", "A26"]


def test_a_group_is_not_charged_for_what_it_had_while_nobody_else_waited(storage: Storage) -> None:
    for number in range(50):
        send(storage, "A", f"A{number}")
    claim(storage, limit=50)  # and one works on all of them for long
    for number in range(10):
        send(storage, "B", f"B{number}")
    send(storage, "A", "A50")
    assert rest(storage)[:3] == ["B0", "A50", "B1"]


def test_who_asks_again_as_soon_as_served_starves_nobody(storage: Storage) -> None:
    for name in ("A0", "A1", "A2"):
        send(storage, "A", name)
    for group in "BCDE":
        send(storage, group, group)
    served: list[str] = []
    while "A2" not in served:
        [taken] = claim(storage)
        storage.ack(taken)
        served.append(taken.message_id)
        if taken.message_id in "BCDE":
            send(storage, taken.message_id, taken.message_id)
        assert len(served) <= 3 * 5
    assert Counter(served)["B"] <= 3


def test_what_is_low_in_priority_takes_no_turn_from_what_is_high(storage: Storage) -> None:
    for number in range(5):
        send(storage, "A", f"A-low{number}", priority=10)
    for name in ("A0", "A1"):
        send(storage, "A", name)
    for name in ("B0", "B1"):
        send(storage, "B", name)
    send(storage, "B", "B-low", priority=10)
    assert rest(storage)[:6] == ["A0", "B0", "A1", "B1", "A-low0", "B-low"]


def test_a_delayed_message_keeps_its_place_in_the_fair_order(storage: Storage, clock: SetClock) -> None:
    send(storage, "A", "A0")
    send(storage, "A", "A-delayed", queue="q.DQ", due_at=clock.unix_ms + 10)
    send(storage, "A", "A2")
    for name in ("B0", "B1", "B2"):
        send(storage, "B", name)
    clock.go(10)
    assert storage.release_due("q.DQ", "q") == 1
    assert rest(storage) == ["A0", "B0", "A-delayed", "B1", "A2", "B2"]


def test_what_was_lost_goes_before_what_came_since_and_holds_up_no_turn(storage: Storage, clock: SetClock) -> None:
    send(storage, "A", "lost")
    claim(storage)
    for name in ("B0", "B1", "B2"):
        send(storage, "B", name)
        storage.ack(*claim(storage))
    for name in ("B3", "B4"):
        send(storage, "B", name)
    clock.go(LEASE_MS)
    for name in ("C0", "C1"):
        send(storage, "C", name)
    assert rest(storage) == ["lost", "B3", "C0", "B4", "C1"]


def test_a_requeued_dead_letter_gets_a_turn_of_its_group(storage: Storage) -> None:
    send(storage, "A", "A0")
    [failed] = claim(storage)
    storage.reject(failed, "failed")
    for name in ("A1", "A2"):
        send(storage, "A", name)
    for name in ("B0", "B1", "B2"):
        send(storage, "B", name)
    storage.requeue_dead_letter(failed.id, b"", group="A")
    assert rest(storage) == ["A1", "B0", "A2", "B1", "B2", "A0"]


def test_the_group_is_an_option_of_the_message(path: Path, broker: FileBroker) -> None:
    for number in range(3):
        broker.enqueue(message("review", "reviews", f"A{number}").copy(options={"group": "A"}))
    sent = broker.enqueue(message("review", "reviews", "B0").copy(options={"group": "B"}))
    consumer = broker.consume("reviews", prefetch=4, timeout=50)
    taken = [next(consumer) for _ in range(4)]
    assert [one and one.args for one in taken] == [("A0",), ("B0",), ("A1",), ("A2",)]
    assert taken[1] is not None and taken[1].message_id == sent.message_id
    consumer.close()
    assert path.exists()


Step = tuple[str, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from([0, 0, 0, 1, 2])), st.tuples(st.just("claim"), st.integers(0, 3))
    ),
    max_size=80,
)


@given(steps=STEPS)
@settings(deadline=None, max_examples=150)
def test_each_group_waits_for_as_many_of_each_other_as_it_has_itself(steps: list[Step]) -> None:
    """Between a message and its claim go, of each other group, at most as many as its own group has in the queue, the
    message included, and one that is still due in this round; of those that were accepted later, none more than
    its own group has before it. And each group's are in order.
    """
    with TemporaryDirectory() as folder:
        storage = Storage(Path(folder) / "queue", max_deliveries=5, clock=SetClock())
        groups: list[int] = []  # of each message, in the order of acceptance
        claimed: list[int] = []  # messages in the order of their claims
        before: dict[int, tuple[int, int]] = {}  # message -> how many were claimed, how many of its group waited

        def take() -> None:
            for taken in claim(storage):
                claimed.append(int(taken.message_id))
                storage.ack(taken)

        for what, value in steps:
            if what == "claim":
                take()
                continue
            waiting = [one for one in before if one not in claimed and groups[one] == value]
            before[len(groups)] = len(claimed), len(waiting)
            send(storage, str(value), str(len(groups)))
            groups.append(value)
        while len(claimed) < len(groups):
            take()
        storage.close()

    for one, (then, own_before) in before.items():
        meanwhile = [other for other in claimed[then : claimed.index(one)] if groups[other] != groups[one]]
        assert all(count <= own_before + 2 for count in Counter(groups[other] for other in meanwhile).values())
        later = Counter(groups[other] for other in meanwhile if other > one)
        assert all(count <= own_before for count in later.values())
    for group in set(groups):
        own = [one for one in claimed if groups[one] == group]
        assert own == sorted(own)
