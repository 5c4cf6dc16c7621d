"""Models: the parts that were uploaded."""

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from server.api import part_facts, upload
from server.api.openapi import needs_token
from server.api.ownership import require_owner
from server.api.parameters import DEFAULT_LIMIT, Cursor, IdentityDep, Limit, ModelId, RequestIdDep, RoleDep, ServicesDep
from server.api.revisions import CONDITIONAL, HeldRevisions, shown
from server.middleware.body_limit import too_large
from server.part_format import EXPORT_STEP, NotAPartError
from server.problems import Problem, responses
from server.services import Services
from server.stores.model_store import Model, TooLargeError
from server.stores.paging import Page

log = logging.getLogger(__name__)

router = APIRouter(
    prefix="/api/models", tags=["models"], dependencies=[needs_token], responses=responses(401, 500, 503)
)

_FILE = {"type": "string", "format": "binary"}
_RAW_TYPES = (
    "application/step", "model/step", "model/iges", "model/stl", "model/3mf", "model/gltf-binary",
    "application/octet-stream",
)  # fmt: skip
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": {"file": _FILE}}},
            **{media_type: {"schema": _FILE} for media_type in _RAW_TYPES},
        },
    }
}


@router.post(
    "",
    status_code=201,
    summary="Upload a part",
    openapi_extra=_BODY,
    responses={
        200: {"model": Model, "description": "These bytes were there already; the model that has them."},
        201: {"description": "The new model.", "headers": {"Location": {"schema": {"type": "string"}}}},
        **responses(400, 413, 415, 422, 507),
    },
)
async def upload_model(
    request: Request,
    response: Response,
    services: ServicesDep,
    identity: IdentityDep,
    request_id: RequestIdDep,
    name: Annotated[  # noqa: ARG001 - read by `upload`, documented here
        str | None, Query(description="The file's name for display, for a raw body.")
    ] = None,
) -> Model:
    """Send a part (STEP, IGES, BREP; STL, OBJ, 3MF, PLY, GLB as a mesh) as `multipart/form-data` in the field
    `file`, or as the raw body.

    What counts is the content, not the name or type. The same bytes are stored once: sent again, they
    are answered 200 with the model that has them.
    """
    model, is_new = await _receive(request, services, identity)
    if is_new and services.settings.warm_part_facts:
        await run_in_threadpool(part_facts.warm_up, services, model.id, request_id, identity)
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"/api/models/{model.id}"
    return model


async def _receive(request: Request, services: Services, identity: str) -> tuple[Model, bool]:
    max_bytes = services.settings.max_upload_bytes
    is_form = request.headers.get("content-type", "").lower().startswith("multipart/form-data")
    declared = request.headers.get("content-length", "")
    if not is_form and declared.isdecimal() and int(declared) > max_bytes:
        raise too_large(max_bytes)
    part = await run_in_threadpool(services.models.receive, max_bytes)
    try:
        name = await upload.receive(request, part)
        return await run_in_threadpool(services.models.keep, part, name, identity)
    except TooLargeError:
        raise too_large(max_bytes) from None
    except NotAPartError as error:
        raise _not_a_part(error) from None
    except ClientDisconnect:
        log.info("the client went away during its upload", extra={"bytes": part.size})
        raise Problem(400, "client_went_away", "The body ended early; nothing of it was kept.") from None
    finally:
        await run_in_threadpool(part.close)


def _not_a_part(error: NotAPartError) -> Problem:
    return Problem(
        415,
        "not_step",  # from when STEP was the only format; clients know it by this name
        f"This is in no format that parts are read from; it looks like {error}.",
        seen=str(error),
        advice=EXPORT_STEP,
    )


@router.get("", summary="List the models", responses=responses(422))
def list_models(services: ServicesDep, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[Model]:
    """Newest first."""
    return services.models.list(limit=limit, cursor=cursor)


@router.get("/{model_id}", summary="Show a model", response_model=Model, responses=responses(404) | CONDITIONAL)
def show_model(model_id: ModelId, response: Response, services: ServicesDep, held: HeldRevisions) -> Model | Response:
    """What is known about an uploaded part."""
    return shown(services.models.document(model_id), response, held)


@router.delete("/{model_id}", status_code=204, summary="Remove a model", responses=responses(404))
def remove_model(model_id: ModelId, services: ServicesDep, identity: IdentityDep, role: RoleDep) -> None:
    """Removes the part with its reviews and tickets, for good; its activity log stays. Reviews of it under way
    are failed. Only who uploaded it may, or an admin.
    """
    uploaded_by = services.models.get(model_id).uploaded_by
    require_owner(uploaded_by, identity, role, did="uploaded this part", may="remove it")
    services.models.remove(model_id, who=identity)
    log.info("model removed", extra={"model_id": model_id})
