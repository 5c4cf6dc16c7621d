"""How full the queue is, and for how long it has made somebody wait."""

from dramatiq import Broker
from pydantic import BaseModel, Field

from server.clock import now
from workers import brokers
from workers.actors import QUEUE


class QueueState(BaseModel):
    """The queue of the jobs."""

    messages: dict[str, int] = Field(description="How many are waiting, delayed, held by a worker, and dead letters.")
    oldest_waiting_seconds: float | None = Field(
        description="Age of the message that has waited for longest; null if none waits, or with Redis or RabbitMQ."
    )


def queue_of(broker: Broker) -> QueueState:
    """Raises what the broker raises when it cannot be read."""
    sent = brokers.oldest_waiting(broker, QUEUE)
    return QueueState(
        messages=brokers.depth_of(broker, QUEUE),
        oldest_waiting_seconds=None if sent is None else max(0.0, (now() - sent).total_seconds()),
    )
