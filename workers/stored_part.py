"""Whether a part is still what was uploaded: a review must not be one of a file that the disk has damaged."""

import hashlib
from pathlib import Path
from typing import Any

from workers.errors import PartError


def check_unchanged(payload: dict[str, Any]) -> None:
    """Raises PartError if the file at `path` has not the `sha256` of the payload; one without it is not checked."""
    expected = payload.get("sha256")
    if expected is None:
        return
    with Path(payload["path"]).open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise PartError(
            "part_damaged",
            "The stored part is no longer what was uploaded: its content has another SHA-256.",
            "Remove the model and upload the part again; the operator should check the disk (rapiddraft verify).",
        )
