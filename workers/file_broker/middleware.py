"""What the broker must know of the worker that it feeds."""

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from dramatiq import Middleware, Worker
from dramatiq.broker import Broker, MessageProxy
from dramatiq.common import iter_queue
from dramatiq.middleware import TimeLimit

from .consumer import FileMessage

if TYPE_CHECKING:
    from .broker import FileBroker


class FollowWorker(Middleware):
    """Gives unstarted messages back at once on shutdown, and stops renewing leases of those that hang."""

    def __init__(self, broker: "FileBroker") -> None:
        self.broker = broker

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:  # noqa: ARG002
        """Fetch messages (again)."""
        self.broker.fetching = True

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:  # noqa: ARG002
        """Fetch no more, and return what no thread has started: the worker waits for the started ones only."""
        self.broker.fetching = False
        unstarted: dict[str, list[MessageProxy]] = defaultdict(list)
        for item in iter_queue(worker.work_queue):  # type: ignore[no-untyped-call]
            unstarted[item.message.queue_name].append(item.message)
            worker.work_queue.task_done()
        for queue_name, messages in unstarted.items():
            worker.consumers[queue_name].requeue_messages(messages)

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Renew the lease for as long as the message may run, and one lease more."""
        limit = _time_limit(broker, message)
        if isinstance(message, FileMessage) and limit is not None:
            self.broker.heartbeat.limit(message.claim, limit / 1000 + self.broker.lease_seconds)


def _time_limit(broker: Broker, message: MessageProxy) -> float | None:
    """Dramatiq's time limit for the message in milliseconds, None without its middleware."""
    for middleware in broker.middleware:
        if isinstance(middleware, TimeLimit):
            of_actor: Any = broker.get_actor(message.actor_name).options.get("time_limit", middleware.time_limit)
            return float(message.options.get("time_limit") or of_actor)
    return None
