"""Several processes on one file, some of them killed, stopped or forked."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import dramatiq
import pytest
from dramatiq.broker import MessageProxy

from workers.file_broker import FileBroker, queue_file
from workers.file_broker import consumer as consumer_module

from .support import message, running_worker, wait_until

LEASE_SECONDS = 1.0


def opened(path: Path) -> FileBroker:
    broker = FileBroker(path, lease_seconds=LEASE_SECONDS)
    broker.declare_queue("reviews")
    return broker


@contextmanager
def process(target: Callable[..., None], *args: object) -> Iterator[BaseProcess]:
    """A process of its own, killed in the end."""
    child = multiprocessing.get_context("spawn").Process(target=target, args=args)
    child.start()
    try:
        yield child
    finally:
        child.kill()
        child.join()


def take(path: Path, name: Path) -> None:
    """Take one message, say so, and hold it for ever; when `name` + ".answer" appears, acknowledge it."""
    broker = opened(path)
    consumer = broker.consume("reviews", timeout=60_000)
    taken = next(consumer)
    assert taken is not None
    name.write_text(taken.message_id)
    answer = name.with_suffix(".answer")
    wait_until(answer.exists, seconds=60)
    consumer.ack(taken)
    name.with_suffix(".answered").touch()


def next_for(broker: FileBroker, milliseconds: int = 20_000) -> MessageProxy:
    consumer = broker.consume("reviews", timeout=milliseconds)
    taken = next(consumer)
    assert taken is not None
    consumer.ack(taken)
    consumer.close()
    return taken


def test_the_message_of_a_killed_process_goes_to_another(path: Path, tmp_path: Path, broker: FileBroker) -> None:
    sent = broker.enqueue(message())
    with process(take, path, tmp_path / "holder") as holder:
        wait_until((tmp_path / "holder").exists)
        holder.kill()
        holder.join()
        taken = next_for(broker)
    assert taken.message_id == sent.message_id
    assert broker.message_ids("reviews") == set()


def test_a_process_stopped_for_longer_than_its_lease_is_refused_when_it_goes_on(
    path: Path, tmp_path: Path, broker: FileBroker
) -> None:
    sent = broker.enqueue(message())
    with process(take, path, tmp_path / "holder") as holder:
        wait_until((tmp_path / "holder").exists)
        assert holder.pid is not None
        os.kill(holder.pid, signal.SIGSTOP)
        consumer = broker.consume("reviews", timeout=20_000)
        taken = next(consumer)
        assert taken is not None and taken.message_id == sent.message_id
        os.kill(holder.pid, signal.SIGCONT)
        (tmp_path / "holder.answer").touch()
        wait_until((tmp_path / "holder.answered").exists)
        assert broker.message_ids("reviews") == {sent.message_id}, "the late answer was taken"
        consumer.ack(taken)
        assert broker.message_ids("reviews") == set()
        consumer.close()


def test_a_live_holder_keeps_its_message_however_long_it_takes(path: Path, tmp_path: Path, broker: FileBroker) -> None:
    broker.enqueue(message())
    with process(take, path, tmp_path / "holder"):
        wait_until((tmp_path / "holder").exists)
        consumer = broker.consume("reviews", timeout=int(LEASE_SECONDS * 3000))
        assert next(consumer) is None
        consumer.close()
        (tmp_path / "holder.answer").touch()
        broker.join("reviews", timeout=20_000)


def work(path: Path, done: Path) -> None:
    """Write the number of each message into the folder `done`; the poison kills the process."""
    broker = opened(path)
    dramatiq.set_broker(broker)

    @dramatiq.actor(queue_name="reviews")
    def review(number: int) -> None:
        if number < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        with (done / str(number)).open("a") as file:
            file.write("x")

    with running_worker(broker):
        signal.pause()


def test_a_message_that_kills_every_holder_ends_as_a_dead_letter_and_the_others_succeed(
    path: Path, tmp_path: Path, broker: FileBroker
) -> None:
    done = tmp_path / "done"
    done.mkdir()
    for number in (0, 1, 2, -1, 3, 4, 5):
        broker.enqueue(message("review", "reviews", number))
    killed = 0
    while broker.message_ids("reviews"):
        with process(work, path, done) as worker:
            wait_until(lambda: not worker.is_alive() or not broker.message_ids("reviews"))
            killed += not worker.is_alive()
    assert {file.name for file in done.iterdir()} == {"0", "1", "2", "3", "4", "5"}
    [letter] = broker.dead_letters("reviews")
    assert letter.message.args == (-1,)
    assert letter.deliveries == killed == 5


def send(path: Path, first: int, count: int) -> None:
    broker = opened(path)
    for number in range(first, first + count):
        broker.enqueue(message("review", "reviews", number))


def test_many_processes_send_and_work_at_once_and_each_message_is_done_once(
    path: Path, tmp_path: Path, broker: FileBroker
) -> None:
    done = tmp_path / "done"
    done.mkdir()
    senders = [process(send, path, first, 100) for first in (0, 100, 200)]
    with process(work, path, done), process(work, path, done), senders[0] as a, senders[1] as b, senders[2] as c:
        for sender in (a, b, c):
            sender.join(60)
            assert sender.exitcode == 0
        broker.join("reviews", timeout=60_000)
    assert {file.name for file in done.iterdir()} == {str(number) for number in range(300)}
    assert {file.read_text() for file in done.iterdir()} == {"x"}
    assert broker.dead_letters("reviews") == []


def test_nothing_accepted_is_lost_when_workers_and_senders_are_killed(
    path: Path, tmp_path: Path, broker: FileBroker
) -> None:
    done = tmp_path / "done"
    done.mkdir()
    accepted = set()
    for number in range(40):
        broker.enqueue(message("review", "reviews", number))
        accepted.add(str(number))
    for kill in range(4):
        already = len(list(done.iterdir()))
        with process(work, path, done), process(send, path, 1000 + 1000 * kill, 1000):
            wait_until(lambda already=already: len(list(done.iterdir())) > already)  # type: ignore[misc]
    broker.storage._file.check()
    with process(work, path, done):
        broker.join("reviews", timeout=120_000)
    assert accepted <= {file.name for file in done.iterdir()}
    assert broker.dead_letters("reviews") == []


def test_a_forked_child_uses_a_connection_of_its_own(broker: FileBroker) -> None:
    broker.enqueue(message())
    of_parent = broker.storage._file._connection
    assert of_parent is not None
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            broker.enqueue(message())
            status = int(broker.storage._file._connection is of_parent)
            broker.close()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    broker.enqueue(message())
    assert len(broker.message_ids("reviews")) == 3
    broker.storage._file.check()


def fork_while_writing(path: Path, child_lives: Path) -> None:
    """In the middle of a write, fork a child that outlives this process."""
    broker = opened(path)
    with broker.storage._file.transaction(durable=True):
        if os.fork() == 0:
            child_lives.write_text(str(os.getpid()))
        signal.pause()


def test_the_child_of_a_process_killed_while_writing_does_not_keep_the_lock(
    path: Path, tmp_path: Path, broker: FileBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_file, "BUSY_SECONDS", 5.0)
    with process(fork_while_writing, path, tmp_path / "child") as parent:
        wait_until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text())
        parent.kill()
        parent.join()
        try:
            broker.enqueue(message())
        finally:
            os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)
    assert len(broker.message_ids("reviews")) == 1


def test_a_waiting_consumer_is_woken_by_another_process(
    path: Path, broker: FileBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The poll behind the wake-ups is made so slow that only a wake-up can be the reason."""
    monkeypatch.setattr(consumer_module, "POLL_SECONDS", 600.0)
    consumer = broker.consume("reviews", timeout=600_000)
    with process(send, path, 7, 1):
        taken = next(consumer)
    assert taken is not None and taken.args == (7,)
    consumer.ack(taken)
    consumer.close()
