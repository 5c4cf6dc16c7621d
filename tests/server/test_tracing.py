"""`traceparent` is handed on with and without OpenTelemetry; without an endpoint, that is never even imported.

But for its API, which FastAPI imports by itself.
"""

import logging
import os
import subprocess
import sys

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.types import ASGIApp

from server.middleware.tracing import Tracing
from server.observability import tracing
from server.observability.logging import current_log_ids

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("given", "known"),
    [
        (GIVEN, GIVEN),
        (f"01-{TRACE}-{SPAN}-01-from-the-future", GIVEN),
        (None, None),
        ("", None),
        (GIVEN.upper(), None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"{GIVEN}\n", None),
        ("x" * 10_000, None),
    ],
)
def test_only_a_well_formed_traceparent_is_taken(given: str | None, known: str | None) -> None:
    assert tracing.well_formed(given) == known


def application() -> ASGIApp:
    app = FastAPI()

    @app.get("/api/ids")
    def ids() -> dict[str, str]:
        return current_log_ids() | {"parent": tracing.current_traceparent() or ""}

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return ids()

    return Tracing(app)


def test_the_trace_of_a_client_is_on_log_lines_and_on_the_answer() -> None:
    answer = TestClient(application()).get("/api/ids", headers={"traceparent": GIVEN})
    assert answer.json() == {"trace_id": TRACE, "parent": GIVEN}
    assert answer.headers["traceparent"] == GIVEN


@pytest.mark.parametrize("path", ["/api/ids", "/healthz"])
def test_without_a_trace_there_is_none(path: str) -> None:
    answer = TestClient(application()).get(path, headers={"traceparent": "nonsense"})
    assert answer.json() == {"parent": ""}
    assert "traceparent" not in answer.headers


def test_what_a_span_around_it_has_is_handed_on() -> None:
    with tracing.span("outer", parent=GIVEN), tracing.span("inner"), tracing.StageSpans() as stages:
        stages.began("read")
        assert tracing.current_traceparent() == GIVEN
        stages.began("rules")
        assert current_log_ids() == {"trace_id": TRACE}
    assert tracing.current_traceparent() is None
    assert current_log_ids() == {}


def test_nothing_of_opentelemetry_is_imported_without_an_endpoint() -> None:
    use = (
        "import sys, server.main, workers.__main__, workers._sandbox_child\n"
        "from server.observability import tracing\n"
        "tracing.configure('', 'api')\n"
        "with tracing.span('x', 'SERVER', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'): pass\n"
        "tracing.close()\n"
        "ours = 'opentelemetry.sdk', 'opentelemetry.exporter', 'opentelemetry.proto', 'google'\n"
        "print([name for name in sys.modules if name.startswith(ours)])"
    )
    environment = {name: value for name, value in os.environ.items() if "OTEL" not in name and "OTLP" not in name}
    said = subprocess.run([sys.executable, "-c", use], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_a_collector_that_is_not_there_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    tracing.configure("http://127.0.0.1:9", "test")
    with caplog.at_level(logging.ERROR):
        with tracing.span("work") as span:
            assert span.traceparent
        tracing.close()
    assert any(record.name.startswith("opentelemetry") for record in caplog.records)
