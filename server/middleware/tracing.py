"""Each request is a part of its client's trace, by the header `traceparent` (W3C Trace Context)."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.observability import tracing

HEADER = "traceparent"

# Probes ask every few seconds, and nobody wants to see a trace of that.
_TRACED = "/api/"


class Tracing:
    """Goes on with the trace of a well-formed `traceparent`, and answers with where the request is in it.

    Where there is no trace and none is made, there is no header. It belongs outside of the access log, so that its
    lines have the `trace_id`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_TRACED):
            await self.app(scope, receive, send)
            return
        given = tracing.well_formed(Headers(scope=scope).get(HEADER))
        with tracing.span(scope["method"], "SERVER", given) as span:

            async def send_with_header(message: Message) -> None:
                if message["type"] == "http.response.start":
                    if span.traceparent:
                        MutableHeaders(scope=message)[HEADER] = span.traceparent
                    _describe(span, scope, message["status"])
                await send(message)

            await self.app(scope, receive, send_with_header)


def _describe(span: tracing.Span, scope: Scope, status: int) -> None:
    method, route = scope["method"], getattr(scope.get("route"), "path", None)
    span.attributes |= {"http.request.method": method, "http.response.status_code": status}
    if route:
        span.name = f"{method} {route}"
        span.attributes["http.route"] = route
    if status >= 500:
        span.error = str(status)
