"""Traces: W3C `traceparent` from the HTTP request over the message to the review's stages, and spans by OpenTelemetry.

A `traceparent` that a client sends is handed on in any case. Spans are only made and sent where an endpoint is set;
OpenTelemetry is imported then, and not before.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from server.observability.logging import current_log_ids, log_ids

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExportResult
    from opentelemetry.trace import SpanContext

Kind = Literal["SERVER", "PRODUCER", "CONSUMER", "INTERNAL"]
Attribute = str | int | float | bool

# For one attempt to send spans; a process that stops waits no longer for it.
_SEND_SECONDS = 2.0

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")

log = logging.getLogger(__name__)

_provider: "TracerProvider | None" = None
_trouble: str | None = None


@dataclass
class Span:
    """A piece of work; what is written here goes out with it when it ends. `error` is why it failed."""

    name: str
    traceparent: str | None = None
    attributes: dict[str, Attribute] = field(default_factory=dict)
    error: str | None = None


_current: ContextVar[Span | None] = ContextVar("span", default=None)


def configure(endpoint: str, process: str) -> None:
    """From now on send this process's spans to `endpoint`, an OTLP/HTTP base URL, if there is one.

    For a process that will not fork: the spans are sent by a thread. Nobody does without reviews for want of traces:
    what stands in their way is logged, and `trouble` tells of it.
    """
    global _provider, _trouble
    try:
        _provider, _trouble = _sending_to(endpoint, process) if endpoint else None, None
    except Exception:
        log.exception("no traces are sent")
        _trouble = "could not be set up; the log says why"


def trouble() -> str | None:
    """Why spans do not arrive, as far as this process knows."""
    return _trouble


def _sending_to(endpoint: str, process: str) -> "TracerProvider":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

    class Exporter(OTLPSpanExporter):
        def export(self, spans: "Sequence[ReadableSpan]") -> "SpanExportResult":
            global _trouble
            result = super().export(spans)
            _trouble = None if result is SpanExportResult.SUCCESS else "the last ones could not be sent; see the log"
            return result

    resource = Resource.create({"service.name": f"rapiddraft-{process}"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = Exporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=_SEND_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def close() -> None:
    """Send what was not sent yet, and no more. Blocks for a few seconds at most."""
    global _provider
    if _provider:
        _provider.shutdown()
        _provider = None


def well_formed(traceparent: str | None) -> str | None:
    """`traceparent` as the version of it that we know, or None if it is none."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    return "00-{}-{}-{}".format(*match.groups()) if match else None


def current_traceparent() -> str | None:
    """Where the work that goes on now belongs, for others who do a part of it."""
    span = _current.get()
    return span.traceparent if span else None


def annotate(**attributes: Attribute) -> None:
    """Add to the span that goes on now, if there is one."""
    if span := _current.get():
        span.attributes.update(attributes)


@contextmanager
def span(name: str, kind: Kind = "INTERNAL", parent: str | None = None) -> Iterator[Span]:
    """A span below `parent`, a traceparent, or else below the one around it. Log lines inside have its `trace_id`."""
    work = Span(name, parent or current_traceparent())
    if _provider is None:
        with _inside(work):
            yield work
        return
    from opentelemetry.trace import SpanKind, StatusCode

    told = _provider.get_tracer("rapiddraft").start_span(name, _context(work.traceparent), SpanKind[kind])
    work.traceparent = _traceparent(told.get_span_context())
    try:
        with _inside(work):
            yield work
    except Exception as error:
        work.error = work.error or type(error).__name__
        raise
    finally:
        told.update_name(work.name)
        told.set_attributes({f"rapiddraft.{name}": value for name, value in current_log_ids().items()})
        told.set_attributes(work.attributes)
        if work.error:
            told.set_status(StatusCode.ERROR, work.error)
        told.end()


class StageSpans:
    """A span for each of the stages that come one after another; each lasts until the next begins."""

    def __init__(self) -> None:
        self._open = ExitStack()

    def __enter__(self) -> "StageSpans":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def began(self, stage: str) -> None:
        """`stage` begins, and with it ends the one before."""
        self._open.close()
        self._open.enter_context(span(stage))


@contextmanager
def _inside(work: Span) -> Iterator[None]:
    token = _current.set(work)
    trace_id = work.traceparent.split("-")[1] if work.traceparent else None
    try:
        with log_ids(trace_id=trace_id):
            yield
    finally:
        _current.reset(token)


def _context(traceparent: str | None) -> "Context":
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": traceparent} if traceparent else {}, Context())


def _traceparent(context: "SpanContext") -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
