"""Which broker carries the jobs: RAPIDDRAFT_BROKER_URL chooses. docs/contracts/jobs.md says what each guarantees."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from dramatiq import Broker, Message

from server.data_folder import DataFolder
from server.observability import metrics
from server.settings import Settings
from workers.file_broker import Bound, FileBroker, QueueFullError


def build(settings: Settings) -> Broker:
    """The broker of this installation, without actors.

    Raises what FileBroker raises for a file that it cannot use; Redis and RabbitMQ are first connected to
    when they are used.
    """
    scheme = urlsplit(settings.broker_url).scheme
    if scheme in ("redis", "rediss"):
        from dramatiq.brokers.redis import RedisBroker

        return RedisBroker(url=settings.broker_url)  # type: ignore[no-untyped-call]
    if scheme in ("amqp", "amqps"):
        from dramatiq.brokers.rabbitmq import RabbitmqBroker

        # Without the confirmation, a message could be lost after `enqueue` has returned.
        return RabbitmqBroker(url=settings.broker_url, confirm_delivery=True)
    data = DataFolder(settings.data_dir)
    file = Path(unquote(urlsplit(settings.broker_url).path)) if settings.broker_url else data.queue
    return FileBroker(
        file,
        lease_seconds=settings.broker_lease_seconds,
        bound=Bound(of_all=settings.max_queued_jobs, of_group=settings.max_queued_jobs_per_user),
        on_lease_lost=metrics.lease_lost,
        dead_letter_seconds=settings.retention_dead_letters_days * 86_400 or None,
        wake_folder=data.queue_wake,
    )


def can_be_asked(broker: Broker) -> bool:
    """Whether the broker can tell which messages it has."""
    return isinstance(broker, FileBroker)


def live_message_ids(broker: Broker, queue: str) -> set[str]:
    """The messages of `queue` that have no answer yet; none from a broker that cannot be asked.

    Raises BrokerError.
    """
    return broker.message_ids(queue) if isinstance(broker, FileBroker) else set()


def dead_letter_counts(broker: Broker, queue: str) -> Counter[str]:
    """How often each message of `queue` became a dead letter; empty from a broker that cannot be asked.

    Raises BrokerError.
    """
    letters = broker.dead_letters(queue) if isinstance(broker, FileBroker) else []
    return Counter(letter.message_id for letter in letters)


def check_room(broker: Broker, settings: Settings, message: "Message[Any]") -> None:
    """Raise QueueFullError if the queue has as many messages already as it may have before this new one.

    Redis and RabbitMQ know no groups, and are not asked again when the message is sent: of several who ask in the
    same moment, some may be let in beyond the bound. Raises what the broker's client raises, too.
    """
    if isinstance(broker, FileBroker):
        broker.check_room(message)
        return
    waiting = _waiting_in(broker, message.queue_name)
    if waiting >= settings.max_queued_jobs:
        raise QueueFullError(f"{waiting} messages are in it, and it takes {settings.max_queued_jobs}.", waiting)


def _waiting_in(broker: Broker, queue: str) -> int:
    if hasattr(broker, "get_queue_message_counts"):  # RabbitMQ
        waiting, delayed, _dead = broker.get_queue_message_counts(queue)
        return int(waiting + delayed)
    return int(broker.do_qsize(queue))  # type: ignore[attr-defined]  # Redis


def depth_of(broker: Broker, queue: str) -> dict[str, int]:
    """How many messages `queue` has, by what the broker can tell apart: waiting, delayed, held and dead.

    RabbitMQ does not tell which are held; Redis counts all as waiting. Raises what the broker's client raises when
    it cannot be reached.
    """
    if isinstance(broker, FileBroker):
        counts = broker.counts(queue)
        return {"waiting": counts.waiting, "delayed": counts.delayed, "held": counts.held, "dead": counts.dead}
    if hasattr(broker, "get_queue_message_counts"):  # RabbitMQ
        waiting, delayed, dead = broker.get_queue_message_counts(queue)
        return {"waiting": int(waiting), "delayed": int(delayed), "dead": int(dead)}
    return {"waiting": _waiting_in(broker, queue)}


def oldest_waiting(broker: Broker, queue: str) -> datetime | None:
    """When the message that has waited for longest was sent; None where none waits or the broker cannot tell."""
    return broker.oldest_waiting(queue) if isinstance(broker, FileBroker) else None


def purge_dead_letters(broker: Broker, queue: str, message_id: str) -> None:
    """Remove what is left of a message among the dead letters, where they can be told apart.

    Redis and RabbitMQ let theirs expire. Raises BrokerError.
    """
    if isinstance(broker, FileBroker):
        for letter in broker.dead_letters(queue):
            if letter.message_id == message_id:
                broker.purge_dead_letter(letter.id)
