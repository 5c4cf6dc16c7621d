"""What several operations take."""

from typing import Annotated

from fastapi import Depends, Header, Path, Query, Request

from server.access.roles import Role
from server.middleware.authentication import identity_of, role_of
from server.middleware.request_id import request_id_of
from server.prefer import Prefer, parse_prefer
from server.services import Services

ULID = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"


# Coroutines, though they wait for nothing: what is none costs a turn in the thread pool.
async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def _request_id(request: Request) -> str:
    return request_id_of(request.scope)


async def _identity(request: Request) -> str:
    return identity_of(request.scope)


async def _preferences(
    request: Request,
    prefer: Annotated[  # noqa: ARG001 - read in full below, documented here
        str | None, Header(description="`respond-async` for a 202 at once, `wait=N` for one after N seconds.")
    ] = None,
) -> Prefer:
    return parse_prefer(request.headers.getlist("prefer"))


def _role(request: Request) -> Role:
    return role_of(request.scope)


ServicesDep = Annotated[Services, Depends(_services)]
RequestIdDep = Annotated[str, Depends(_request_id)]
IdentityDep = Annotated[str, Depends(_identity)]
PreferencesDep = Annotated[Prefer, Depends(_preferences)]
RoleDep = Annotated[Role, Depends(_role)]

# An id that is not well-formed is answered with 404 (see server.problems), and never reaches a path.
ModelId = Annotated[str, Path(pattern=ULID, description="Id of the model.")]
JobId = Annotated[str, Path(pattern=ULID, description="Id of the job.")]
RunId = Annotated[str, Path(pattern=ULID, description="Id of the analysis run.")]
DesignReviewId = Annotated[str, Path(pattern=ULID, description="Id of the design review.")]
ItemId = Annotated[str, Path(pattern=ULID, description="Id of the checklist item.")]
CandidateSessionId = Annotated[str, Path(pattern=ULID, description="Id of the candidate session.")]
CandidateId = Annotated[str, Path(pattern=ULID, description="Id of the candidate.")]
TicketId = Annotated[str, Path(pattern=ULID, description="Id of the ticket.")]

Limit = Annotated[int, Query(ge=1, le=200, description="Most items to return.")]
Cursor = Annotated[
    str | None, Query(pattern=ULID, description="`next_cursor` of the page before; absent for the newest.")
]
DEFAULT_LIMIT = 50
