"""The settings as they may be shown: without secrets."""

import re
from typing import Any

from server.settings import Settings

# Of a URL: the password before the host, and all that is asked for after a `?`, where Redis takes one too.
_PASSWORD = re.compile(r"(?<=://)([^:/@?#]*):[^/?#]*(?=@)")
_QUERY = re.compile(r"\?[^#]*")


def shown(settings: Settings) -> dict[str, Any]:
    """Every setting by name, as JSON; passwords in URLs are `***`, and a SecretStr is masked by its type."""
    document = settings.model_dump(mode="json")
    return {name: _without_password(value) if isinstance(value, str) else value for name, value in document.items()}


def _without_password(value: str) -> str:
    if "://" not in value:
        return value
    return _QUERY.sub("?***", _PASSWORD.sub(r"\1:***", value))
