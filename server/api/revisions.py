"""Revisions over HTTP: ETag says which one it is, If-Match changes no other, If-None-Match is not sent it again."""

import re
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Response

from server.stores.documents import Document

T = TypeVar("T")

_TAG = re.compile(r'(?:W/)?"[^"]*"')
_OURS = re.compile(r'"(\d{1,18})"')

ETAG = {"ETag": {"schema": {"type": "string"}, "description": "The revision; give it back with If-Match."}}

# The OpenAPI entry of an operation that shows one document.
CONDITIONAL: dict[int | str, dict[str, Any]] = {
    200: {"headers": ETAG},
    304: {"description": "It still is at the revision that If-None-Match names.", "headers": ETAG},
}


def etag(revision: int) -> str:
    """The entity tag of a document's revision."""
    return f'"{revision}"'


async def _expected(
    if_match: Annotated[
        str | None,
        Header(description="ETag of the revision that the change is meant for; 412 if it is another by now."),
    ] = None,
) -> frozenset[int] | None:
    if if_match is None or if_match.strip() == "*":
        return None
    # A weak tag never matches here (RFC 9110, 13.1.1), nor does one that we did not make.
    tags = (_OURS.fullmatch(tag) for tag in _TAG.findall(if_match))
    return frozenset(int(tag[1]) for tag in tags if tag)


async def _held(
    if_none_match: Annotated[
        str | None, Header(description="ETag of the revision that the client has; 304 if it is still that.")
    ] = None,
) -> frozenset[str]:
    if if_none_match is None:
        return frozenset()
    if if_none_match.strip() == "*":
        return frozenset("*")
    return frozenset(tag.removeprefix("W/") for tag in _TAG.findall(if_none_match))


ExpectedRevisions = Annotated[frozenset[int] | None, Depends(_expected)]
HeldRevisions = Annotated[frozenset[str], Depends(_held)]


def shown(document: Document[T], response: Response, held: frozenset[str]) -> T | Response:  # type: ignore[type-var]
    """The document's content with its ETag, or 304 if the client has that revision."""
    tag = etag(document.revision)
    if held & {tag, "*"}:
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return document.content
