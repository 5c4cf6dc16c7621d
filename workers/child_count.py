"""Counts the sandbox children of jobs, and how each ended."""

from collections.abc import Iterator
from contextlib import contextmanager

from server.observability import metrics
from workers.errors import PartError
from workers.sandbox import SandboxError

_ENDINGS = {
    "kernel_crashed": "crashed",
    "worker_lost": "killed",
    "timed_out": "timed_out",
    "out_of_memory": "out_of_memory",
    "cancelled": "cancelled",
}


@contextmanager
def counted() -> Iterator[None]:
    """Count the one child that runs meanwhile."""
    ending = "failed"
    metrics.child_started()
    try:
        yield
        ending = "result"
    except PartError:
        ending = "refused"
        raise
    except SandboxError as error:
        ending = _ENDINGS.get(error.code, ending)
        raise
    finally:
        metrics.child_ended(ending)
