"""Newest first, a page at a time: ids sort by the time they were made."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import nlargest
from itertools import islice
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel, Field

from server.ids import is_id

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """One page of a listing, newest first."""

    items: list[T]
    next_cursor: str | None = Field(description="Pass as `cursor` for the next page; null on the last page.")


def ids_in(folder: Path, suffix: str = "") -> list[str]:
    """The ids that name an entry of `folder` (`<id>` + `suffix`), newest first."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except FileNotFoundError:
        return []
    ids = (name.removesuffix(suffix) for name in names if name.endswith(suffix))
    return sorted(filter(is_id, ids), reverse=True)


def newest_in(folder: Path, suffix: str, most: int) -> tuple[list[str], int]:
    """The newest ids as `ids_in` finds them, at most so many, and how many there are; faster than to sort them all."""
    try:
        names = [name for name in os.listdir(folder) if name.endswith(suffix)]  # noqa: PTH208 - half the time
    except FileNotFoundError:
        return [], 0
    ids = (name.removesuffix(suffix) for name in nlargest(most, names))
    return list(filter(is_id, ids)), len(names)


def page_of(ids: Sequence[str], load: Callable[[str], T | None], *, limit: int, cursor: str | None) -> Page[T]:
    """The first `limit` of the things named by `ids` (newest first) that come after `cursor`.

    `load` returns None for what is gone or filtered out.
    """
    after_cursor: Iterable[str] = (id_ for id_ in ids if cursor is None or id_ < cursor)
    found = list(islice(_loaded(after_cursor, load), limit + 1))
    more = len(found) > limit
    shown = found[:limit]
    return Page(items=[item for _, item in shown], next_cursor=shown[-1][0] if more else None)


def _loaded(ids: Iterable[str], load: Callable[[str], T | None]) -> Iterator[tuple[str, T]]:
    for id_ in ids:
        item = load(id_)
        if item is not None:
            yield id_, item
