"""Many who follow jobs on which nothing happens."""

import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

from loadtests.bench import Bench, wait_for_quiet
from loadtests.processes import api_workers, resident_bytes
from loadtests.report import Row
from loadtests.sidecar import sidecar
from tests.stack.running import Stack

STREAMS, JOBS = 500, 10
SECONDS, SHORT_SECONDS = 20.0, 5.0


def streams(bench: Bench, stack: Stack) -> list[Row]:
    """500 event streams of jobs that wait for a worker, of which there is none for the time."""
    wait_for_quiet(stack)
    stack.control("stop", "worker")
    try:
        rows = _streams(bench, stack)
    finally:
        stack.begin("worker")
        stack.wait_until_ready()
    wait_for_quiet(stack)
    return rows


def _streams(bench: Bench, stack: Stack) -> list[Row]:
    models = [bench.upload(stack.api, bench.parts.small) for _ in range(JOBS)]
    jobs = [stack.ask_for_review(model).raise_for_status().json()["id"] for model in models]
    workers = api_workers(stack.family())
    with ExitStack() as first:
        for job in jobs:
            first.enter_context(_stream(stack, job))  # what the first one loads is not the 500th's
    before = resident_bytes(workers)
    with ExitStack() as opened:
        for number in range(STREAMS):
            opened.enter_context(_stream(stack, jobs[number % JOBS]))
        with sidecar(str(stack.api.base_url), SHORT_SECONDS if bench.is_short else SECONDS) as monitor:
            healthz = monitor.result(stop=False)
        each = (resident_bytes(workers) - before) / STREAMS / 1024
    limit = bench.targets.healthz_p99_ms
    return [
        Row(
            f"{STREAMS} idle event streams: memory of the API",
            f"≤ {bench.targets.stream_kb:g} KB each",
            f"{each:.1f} KB each",
            each <= bench.targets.stream_kb,
            is_speed=False,
        ),
        Row("the same: /healthz meanwhile", f"p99 ≤ {limit:g} ms", str(healthz), healthz.p99 <= limit),
    ]


def _stream(stack: Stack, job: str) -> socket.socket:
    """An open stream whose first event has come."""
    address = urlsplit(str(stack.api.base_url))
    connection = socket.create_connection((address.hostname, address.port), timeout=60)
    token = stack.api.headers["Authorization"]
    connection.sendall(f"GET /api/jobs/{job}/events HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\n\r\n".encode())
    answer = b""
    while b"event: state" not in answer:
        received = connection.recv(65536)
        answer += received
        if not received or b" 200 " not in answer.split(b"\r\n")[0]:
            raise RuntimeError(f"an event stream was answered {answer[:300]!r}")
    return connection
