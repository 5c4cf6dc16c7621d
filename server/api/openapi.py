"""What the API says about itself at /docs and /openapi.json."""

from collections.abc import Iterator
from typing import Any

from fastapi import Security
from fastapi.security import HTTPBearer

from server.access.roles import Role, needed_for
from server.problems import MEDIA_TYPE, TITLES

DESCRIPTION = """
Reviews CAD parts for manufacturability. Upload a STEP part to `POST /api/models`, ask for its review with
`POST /api/models/{id}/dfm/review-v2`, and read the findings.

Everything below `/api` needs `Authorization: Bearer <token>`. A viewer's token may read, a reviewer's may change
things, an admin's may run the service (`/api/admin`). Errors are `application/problem+json` (RFC 9457). Ids are
ULIDs, time is RFC 3339 in UTC, lengths are mm. Send `X-Request-ID` to find a request in the log again; every
answer has it.
"""

TAGS = [
    {"name": "models", "description": "Parts that were uploaded."},
    {
        "name": "reviews",
        "description": "What is hard or impossible to make about a part, and what to change.",
    },
    {
        "name": "candidates",
        "description": "Edits that clear findings, proven one by one, and what was decided about each.",
    },
    {"name": "part facts", "description": "What was measured of a part: sizes, walls, gaps, radii, reach."},
    {"name": "jobs", "description": "Reviews and measurements on their way."},
    {"name": "tickets", "description": "What people have to say about a part."},
    {"name": "collaboration", "description": "Design reviews, the checklist, and who changed what."},
    {"name": "operation", "description": "For whoever runs the service."},
]

# Only says in the OpenAPI page what the middleware enforces.
needs_token = Security(
    HTTPBearer(
        auto_error=False, description="A token made with `rapiddraft token make`, or the one in the file admin-token."
    )
)


def describe(schema: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's schema, corrected: errors are problem documents, and no operation answers otherwise."""
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            for status in _of_middleware(method, path, operation):
                operation["responses"].setdefault(str(status), {"description": TITLES[status], "content": {}})
            _as_problems(operation["responses"])
    for unused in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(unused, None)
    return schema


def _of_middleware(method: str, path: str, operation: dict[str, Any]) -> Iterator[int]:
    """The problems that an operation may be answered with before it is begun."""
    if "security" in operation:
        yield 429
        if needed_for(method.upper(), path) is not Role.VIEWER:
            yield 403
    if "requestBody" in operation:
        yield 408


def _as_problems(responses: dict[str, Any]) -> None:
    for status, response in responses.items():
        if int(status) >= 400 and "content" in response:
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
