"""What Dramatiq's tests import from their module `common`, which its source distribution lacks."""

from collections.abc import Callable
from typing import Any

import pytest

from .adapter import worker

__all__ = [
    "RABBITMQ_CREDENTIALS",
    "RABBITMQ_PASSWORD",
    "RABBITMQ_USERNAME",
    "skip_in_ci",
    "skip_on_pypy",
    "skip_on_windows",
    "skip_unless_rabbit_mq",
    "worker",
]

RABBITMQ_USERNAME = RABBITMQ_PASSWORD = "guest"
RABBITMQ_CREDENTIALS = None  # nothing connects


def _run_it(test: Callable[..., Any]) -> Callable[..., Any]:
    return test


skip_in_ci = skip_on_pypy = skip_on_windows = _run_it  # this is none of these
skip_unless_rabbit_mq = pytest.mark.skip(reason="needs RabbitMQ")
