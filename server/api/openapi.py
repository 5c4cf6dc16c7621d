"""What the API says about itself at /docs and /openapi.json."""

from typing import Any

from fastapi import Security
from fastapi.security import HTTPBearer

from server.problems import MEDIA_TYPE

DESCRIPTION = """
Reviews CAD parts for manufacturability. Upload a STEP part to `POST /api/models`, ask for its review with
`POST /api/models/{id}/dfm/review-v2`, and read the findings.

Everything below `/api` needs `Authorization: Bearer <token>`; the operator finds the token in the file
`admin-token` in the data folder. Errors are `application/problem+json` (RFC 9457). Ids are ULIDs, time is
RFC 3339 in UTC, lengths are mm. Send `X-Request-ID` to find a request in the log again; every answer has it.
"""

TAGS = [
    {"name": "models", "description": "Parts that were uploaded."},
    {
        "name": "reviews",
        "description": "What is hard or impossible to make about a part, and what to change.",
    },
    {"name": "part facts", "description": "What was measured of a part: sizes, walls, gaps, radii, reach."},
    {"name": "jobs", "description": "Reviews and measurements on their way."},
    {"name": "tickets", "description": "What people have to say about a part."},
    {"name": "collaboration", "description": "Design reviews, the checklist, and who changed what."},
    {"name": "operation", "description": "For whoever runs the service."},
]

# Only says in the OpenAPI page what the middleware enforces.
needs_token = Security(HTTPBearer(auto_error=False, description="The token in the file admin-token."))


def describe(schema: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's schema, corrected: errors are problem documents, and no operation answers otherwise."""
    for operations in schema["paths"].values():
        for operation in operations.values():
            _as_problems(operation["responses"])
    for unused in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(unused, None)
    return schema


def _as_problems(responses: dict[str, Any]) -> None:
    for status, response in responses.items():
        if int(status) >= 400 and "content" in response:
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
