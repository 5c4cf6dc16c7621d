"""The settings as they may be shown: without secrets."""

import re
from typing import Any

from server.settings import Settings

# Of a URL: the password before the host, or a name that stands there alone, as a key does. Up to the last `@`: one that
# holds what it must not in a URL is a password all the same. And all after a `?`, where Redis takes one too.
_PASSWORD = re.compile(r"(?<=://)(?:([^:/@?#]*):)?.*(?=@)", re.DOTALL)
_QUERY = re.compile(r"\?.*", re.DOTALL)


def shown(settings: Settings) -> dict[str, Any]:
    """Every setting by name, as JSON; passwords in URLs are `***`, and a SecretStr is masked by its type."""
    document = settings.model_dump(mode="json")
    return {name: _without_password(value) if isinstance(value, str) else value for name, value in document.items()}


def _without_password(value: str) -> str:
    if "://" not in value:
        return value
    return _QUERY.sub("?***", _PASSWORD.sub(_masked, value, count=1))


def _masked(found: re.Match[str]) -> str:
    return "***" if found[1] is None else f"{found[1]}:***"
