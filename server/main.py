"""The application, as gunicorn loads it: `server.main:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from rapiddraft import __version__
from server import problems
from server.api import (
    activity,
    admin,
    analysis_runs,
    candidates,
    checklist,
    design_reviews,
    docs_page,
    flat_pattern,
    health,
    jobs,
    metrics,
    models,
    part_facts,
    reports,
    reviews,
    revisions_compare,
    status,
    tickets,
)
from server.api.openapi import DESCRIPTION, TAGS, describe
from server.middleware.access_log import AccessLog
from server.middleware.authentication import Authentication
from server.middleware.body_limit import BodyLimit
from server.middleware.cors import Cors
from server.middleware.event_loop import EventLoopGuard
from server.middleware.rate_limit import RateLimit
from server.middleware.request_id import RequestId
from server.middleware.security_headers import SecurityHeaders
from server.middleware.slow_body import SlowBody
from server.middleware.tracing import Tracing
from server.services import Services
from server.settings import Settings, get_settings

UPLOADS = "/api/models"
# In the order in which the document tells of them.
RESOURCES = (
    models,
    part_facts,
    reviews,
    analysis_runs,
    candidates,
    flat_pattern,
    reports,
    revisions_compare,
    jobs,
    admin,
    tickets,
    design_reviews,
    checklist,
    activity,
    health,
    status,
    metrics,
)


class _Application(FastAPI):
    guard_event_loop = False
    _openapi_json: bytes | memoryview | None = None

    def build_middleware_stack(self) -> ASGIApp:
        """Starlette's, with the id and the log outside of its handling of bugs."""
        app = super().build_middleware_stack()
        app = SecurityHeaders(EventLoopGuard(app) if self.guard_event_loop else app)
        return RequestId(Tracing(AccessLog(app)))

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            self.openapi_schema = describe(super().openapi())
        return self.openapi_schema

    def setup(self) -> None:
        """FastAPI's, with the document made and rendered once, and in the thread pool: it takes 100 ms."""
        assert self.openapi_url
        self.add_route(self.openapi_url, self._show_openapi, include_in_schema=False)

    def _show_openapi(self, _request: Request) -> Response:
        if self._openapi_json is None:
            self._openapi_json = JSONResponse(self.openapi()).body
        return Response(self._openapi_json, media_type="application/json")


def _all_routes() -> list[BaseRoute]:
    """What every application serves. No route knows its application, so that all share them: they take 60 ms to make.

    FastAPI makes up its mind about each route when a request first comes by it, so one is led past all of them here.
    """
    router = APIRouter()
    for resource in RESOURCES:
        router.include_router(resource.router)
    for route in router.routes:
        route.matches({"type": "http", "method": "GET", "path": "/", "root_path": "", "headers": []})
    return router.routes


ROUTES = _all_routes()


def create_app(settings: Settings) -> FastAPI:
    """The API on one data folder. Nothing is read or written before it starts to serve."""
    services = Services(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await services.start()
        yield
        await services.close()

    app = _Application(
        title="RapidDraft",
        version=__version__,
        description=DESCRIPTION,
        openapi_tags=TAGS,
        routes=ROUTES,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        middleware=[
            *([Middleware(Cors, origins=settings.cors_origins)] if settings.cors_origins else []),
            Middleware(Authentication, gate=services.gate, settings=settings, signed=services.signed),
            Middleware(RateLimit, upload_path=UPLOADS, settings=settings),
            Middleware(SlowBody, patience=settings.client_patience_seconds),
            Middleware(BodyLimit, upload_path=UPLOADS, upload_bytes=settings.max_upload_bytes),
        ],
    )
    app.guard_event_loop = settings.debug_event_loop
    app.state.services = services
    problems.install(app)
    docs_page.install(app)
    return app


app = create_app(get_settings())
