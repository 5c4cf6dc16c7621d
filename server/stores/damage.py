"""Documents that were found damaged: put aside, restored where possible, and noted for the operator."""

import logging
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from server._atomic_json import fsync_folder, read_json, write_json_atomic
from server.clock import now
from server.data_folder import DataFolder
from server.ids import new_id

log = logging.getLogger(__name__)


class Damage(BaseModel):
    """A note on one damaged document: damaged/<id>.json."""

    document: str = Field(description="Its path in the data folder.")
    kept_as: str = Field(description="Name of the file beside it that has the damaged bytes.")
    reason: str
    found_at: datetime
    restored: bool = Field(description="Whether an earlier version, brought up to date where possible, is back.")


def quarantine(data: DataFolder, path: Path, reason: str, *, restored: dict[str, Any] | None) -> None:
    """Put the damaged document at `path` aside and `restored` in its place, if there is that.

    Call it with the document's lock. It is noted first, so that a crash on the way leaves a note too many
    rather than one too few; and a document that is restored is never without its name. Raises OSError.
    """
    found_at = now()
    kept = path.with_name(f"{path.name}.damaged-{found_at:%Y%m%dT%H%M%S.%fZ}")
    note = Damage(
        document=path.relative_to(data.root).as_posix(),
        kept_as=kept.name,
        reason=reason,
        found_at=found_at,
        restored=restored is not None,
    )
    log.error("a document is damaged", extra=note.model_dump(mode="json"))
    write_json_atomic(data.damaged / f"{new_id()}.json", note.model_dump(mode="json"))
    if restored is None:
        path.rename(kept)
        fsync_folder(path.parent)
    else:
        os.link(path, kept)
        write_json_atomic(path, restored)


def notes(data: DataFolder) -> list[Damage]:
    """All notes that the operator has not removed yet; cheap, since there are hardly ever any."""
    found = []
    for path in sorted(data.damaged.glob("*.json")):
        try:
            found.append(Damage.model_validate(read_json(path)))
        except FileNotFoundError:
            continue  # removed at this moment
        except (ValueError, ValidationError):
            found.append(_unreadable(path))
    return found


def _unreadable(path: Path) -> Damage:
    return Damage(document=path.name, kept_as=path.name, reason="the note itself", found_at=now(), restored=False)
