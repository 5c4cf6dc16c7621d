"""ULIDs: identifiers that sort by time of creation."""

import re
from datetime import UTC, datetime

from ulid import ULID

_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")


def new_id() -> str:
    """A new ULID in its canonical 26-character form."""
    return str(ULID())


def is_id(text: str) -> bool:
    """Whether `text` is a ULID in canonical form (which also makes it safe as a file name)."""
    return _ULID.fullmatch(text) is not None


def first_id_at(moment: datetime) -> str:
    """The least ULID that can have been made at `moment` or later; none was made before 1970."""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    time = str(ULID.from_timestamp(max(0.0, moment.timestamp())))[:10]
    return time + "0" * 16
