"""The checklist of a model: what is to be looked at, and how far that is. One document a model."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field

from server.clock import now
from server.data_folder import DataFolder
from server.ids import new_id
from server.stores.documents import Document, Kind
from server.stores.errors import NotFoundError
from server.stores.model_documents import ModelDocuments, require_model

DOCUMENT = "checklist"
MAX_ITEMS = 500


class ItemState(StrEnum):
    """How far an item is."""

    OPEN = "open"
    DONE = "done"
    NOT_APPLICABLE = "not_applicable"


class Item(BaseModel):
    """One thing to look at."""

    id: str
    text: str
    state: ItemState = ItemState.OPEN
    changed_by: str
    changed_at: datetime


class Checklist(BaseModel):
    """All items, in the order in which they were added."""

    items: list[Item] = Field(default_factory=list)


class TooManyItemsError(Exception):
    """A checklist is as long as it may be."""


CHECKLIST_KIND = Kind("checklist", Checklist)


class Checklists:
    """The checklists in one data folder; a model without one has an empty one, at revision 0.

    Raises what `ModelDocuments` raises; NotFoundError also for an item.
    """

    def __init__(self, data: DataFolder) -> None:
        self.data = data
        self._documents = ModelDocuments(data, CHECKLIST_KIND)

    def get(self, model_id: str) -> Document[Checklist]:
        """The model's checklist."""
        require_model(self.data, model_id)
        try:
            return self._documents.read(model_id, DOCUMENT)
        except NotFoundError:
            return Document(Checklist(), 0)

    def add(self, model_id: str, text: str, *, who: str, expected: frozenset[int] | None = None) -> tuple[Item, int]:
        """Add an item at the end; it, and the checklist's revision. Raises TooManyItemsError."""
        item = Item(id=new_id(), text=text, changed_by=who, changed_at=now())

        def add(items: list[Item]) -> list[Item]:
            if len(items) >= MAX_ITEMS:
                raise TooManyItemsError(f"A checklist has at most {MAX_ITEMS} items.")
            return [*items, item]

        return item, self._change(model_id, add, who=who, what="item_added", expected=expected)

    def change(
        self,
        model_id: str,
        item_id: str,
        *,
        who: str,
        expected: frozenset[int] | None = None,
        text: str | None = None,
        state: ItemState | None = None,
    ) -> tuple[Item, int]:
        """Change what is given of an item; it, and the checklist's revision. Raises RevisionConflictError."""
        given = {"text": text, "state": state}
        update: dict[str, object] = {name: value for name, value in given.items() if value is not None}
        update |= {"changed_by": who, "changed_at": now()}
        changed: list[Item] = []

        def change(items: list[Item]) -> list[Item]:
            changed.append(_find(items, item_id).model_copy(update=update))
            return [changed[0] if item.id == item_id else item for item in items]

        revision = self._change(model_id, change, who=who, what="item_changed", expected=expected)
        return changed[0], revision

    def remove(self, model_id: str, item_id: str, *, who: str, expected: frozenset[int] | None = None) -> int:
        """Take an item off; the checklist's revision. Raises RevisionConflictError."""

        def remove(items: list[Item]) -> list[Item]:
            gone = _find(items, item_id)
            return [item for item in items if item is not gone]

        return self._change(model_id, remove, who=who, what="item_removed", expected=expected)

    def _change(
        self,
        model_id: str,
        change: Callable[[list[Item]], list[Item]],
        *,
        who: str,
        what: str,
        expected: frozenset[int] | None,
    ) -> int:
        def whole(checklist: Checklist) -> Checklist:
            return Checklist(items=change(checklist.items))

        return self._documents.change(
            model_id, DOCUMENT, whole, who=who, what=what, expected=expected, default=Checklist()
        ).revision


def _find(items: list[Item], item_id: str) -> Item:
    for item in items:
        if item.id == item_id:
            return item
    raise NotFoundError("checklist item", item_id)
