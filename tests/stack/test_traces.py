"""One trace from the HTTP request over the message to the stages of the review, as a collector receives it."""

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.stack.running import SAMPLE, running_stack

pytestmark = pytest.mark.stack

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector(ThreadingHTTPServer):
    """An OTLP/HTTP receiver: the spans that came, by service."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.spans: list[tuple[str, Span]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Receiver(BaseHTTPRequestHandler):
    """Takes what is posted to /v1/traces."""

    server: Collector

    def do_POST(self) -> None:
        received = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        for resource in received.resource_spans:
            service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
            self.server.spans += [(service, span) for scope in resource.scope_spans for span in scope.spans]
        self.send_response(200 if self.path == "/v1/traces" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_one_trace_joins_the_request_the_job_and_its_stages() -> None:
    with tempfile.TemporaryDirectory(prefix="rd-", dir="/tmp") as data, collector() as received:
        with running_stack(Path(data), OTEL_EXPORTER_OTLP_ENDPOINT=received.endpoint) as stack:
            stack.wait_until_ready()
            model = stack.upload(SAMPLE).raise_for_status().json()["id"]
            path = f"/api/models/{model}/dfm/review-v2"
            answer = stack.api.post(path, headers={"traceparent": f"00-{TRACE}-{SPAN}-01"}).raise_for_status()
            assert answer.status_code == 200
        lines = stack.lines()
    mine = [(service, span) for service, span in received.spans if span.trace_id.hex() == TRACE]
    named = {span.name: (service, span) for service, span in mine}

    def above(name: str) -> str:
        parent = named[name][1].parent_span_id
        return next((other for other, (_, span) in named.items() if span.span_id == parent), parent.hex())

    request = "POST /api/models/{model_id}/dfm/review-v2"
    assert above(request) == SPAN
    assert above("send review") == request
    assert above("do review") == "send review"
    for stage in ("read", "tessellate", "features", "facts", "rules", "store"):
        assert above(stage) == "do review"
    assert {named[name][0] for name in (request, "send review")} == {"rapiddraft-api"}
    assert {named[name][0] for name in ("do review", "read", "store")} == {"rapiddraft-worker"}
    job = named["do review"][1]
    attributes = {a.key: a.value.string_value for a in job.attributes}
    assert attributes["rapiddraft.model_id"] == model
    assert attributes["state"] == "succeeded"
    assert job.start_time_unix_nano <= named["read"][1].start_time_unix_nano
    assert named["store"][1].end_time_unix_nano <= job.end_time_unix_nano

    assert answer.headers["traceparent"] == f"00-{TRACE}-{named[request][1].span_id.hex()}-01"
    assert {line["process"] for line in lines if line.get("trace_id") == TRACE} == {"api", "worker", "sandbox"}
    uploads = [span for _, span in received.spans if span.name == "POST /api/models"]
    assert [span.trace_id.hex() != TRACE for span in uploads] == [True]
