"""Redis and RabbitMQ servers of the tests' own, on free ports, with their files in a temporary folder."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.waiting import until

RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"


@contextmanager
def redis_url() -> Iterator[str]:
    """A Redis that syncs every write to disk; skips where it is not installed."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed")
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        options = ["--bind", "127.0.0.1", "--dir", folder, "--appendonly", "yes", "--appendfsync", "always"]
        with _running([binary, "--port", str(port), *options], {}, Path(folder)):
            until(lambda: _listens(port), "Redis listens", 30)
            yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def amqp_url() -> Iterator[str]:
    """A RabbitMQ with an Erlang port mapper of its own; skips where it is not installed."""
    binary = Path(RABBITMQ)
    if not binary.exists():
        pytest.skip("rabbitmq-server is not installed")
    port, mapper, distribution = _free_port(), _free_port(), _free_port()
    # Erlang wants an ASCII path that is not too long.
    with tempfile.TemporaryDirectory(prefix="rabbit-") as folder:
        environment = {
            "HOME": folder,
            "RABBITMQ_HOME": str(binary.parents[1]),
            "RABBITMQ_NODENAME": f"tests{port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/log",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        # Started first and in the foreground: the one that RabbitMQ would start stays behind as a daemon.
        port_mapper = ["epmd", "-address", "127.0.0.1", "-port", str(mapper)]
        with _running(port_mapper, {}, Path(folder)), _running([str(binary)], environment, Path(folder)):
            until(lambda: _listens(port), "RabbitMQ listens", 90)
            yield f"amqp://guest:guest@127.0.0.1:{port}/%2F"


@contextmanager
def _running(command: list[str], environment: dict[str, str], folder: Path) -> Iterator[None]:
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, cwd=folder, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield
    finally:
        _end_group(process)


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """End the process and all that it started, by their ids."""
    family = [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
    started = [member for member in map(_process, family) if member]
    os.killpg(process.pid, signal.SIGTERM)
    _, alive = psutil.wait_procs(started, timeout=20)
    for member in alive:
        member.kill()
    process.wait()


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
