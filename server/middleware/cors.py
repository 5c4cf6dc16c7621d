"""Lets pages of the origins that are set use the API. Without credentials: they send their token themselves."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from server.problems import Problem, problem_response


class Cors(CORSMiddleware):
    """Starlette's, with its refusals as problem documents."""

    def __init__(self, app: ASGIApp, origins: tuple[str, ...]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["*"],
            expose_headers=["*"],
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """What a browser is told that asks before it sends a request."""
        response = super().preflight_response(request_headers)
        return _Refusal(response) if response.status_code >= 400 else response


class _Refusal(Response):
    """Says why, once the request is known that it is about."""

    def __init__(self, plain: Response) -> None:
        super().__init__(status_code=plain.status_code)
        self._reason = bytes(plain.body).decode()
        self._kept = {name: value for name, value in plain.headers.items() if not name.startswith("content-")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = Problem(
            self.status_code,
            "not_allowed_across_origins",
            f"A page of another site may not send this request: {self._reason}.",
            advice="The operator can allow its origin (RAPIDDRAFT_CORS_ORIGINS).",
            headers=self._kept,
        )
        await problem_response(scope, problem)(scope, receive, send)
