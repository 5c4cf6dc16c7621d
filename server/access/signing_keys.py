"""The public keys of a proxy that signs who sends a request: from a URL or a file, kept, and read again in time."""

import asyncio
import json
import logging
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
from jwt import PyJWK, PyJWKSet
from jwt.exceptions import PyJWTError
from starlette.concurrency import run_in_threadpool

log = logging.getLogger(__name__)

FRESH_SECONDS = 3600.0
# While they cannot be read again: a key that was withdrawn is believed no longer than that.
USABLE_SECONDS = 24 * 3600.0
# However many unknown keys are asked for.
LEAST_SECONDS_BETWEEN = 30.0
_TIMEOUT_SECONDS = 5.0


class UnknownKeyError(Exception):
    """The key is not among those that there are."""


class KeysUnavailableError(Exception):
    """There are no keys: they could not be read, or not for too long."""


class SigningKeys:
    """A JSON web key set, at an http(s) URL or in a file. For one event loop."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._keys: dict[str, PyJWK] = {}
        self._read_at = self._tried_at = float("-inf")
        self._reading = asyncio.Lock()

    @property
    def trouble(self) -> str | None:
        """Why those who are not let in by a token may not be let in either."""
        if self._tried_at <= self._read_at:  # not tried at all, or read
            return None
        kept = monotonic() - self._read_at < USABLE_SECONDS
        return "cannot be read; the log says why" + ("; those of before count for a day" if kept else "")

    async def get(self, key_id: str) -> PyJWK:
        """The key of that id. Raises UnknownKeyError and KeysUnavailableError."""
        known = key_id in self._keys
        is_fresh = monotonic() - self._read_at < FRESH_SECONDS
        if not (known and (is_fresh or self._reading.locked())):
            await self._read_again()
        if monotonic() - self._read_at >= USABLE_SECONDS:
            raise KeysUnavailableError
        if key_id not in self._keys:
            raise UnknownKeyError
        return self._keys[key_id]

    async def _read_again(self) -> None:
        async with self._reading:
            if monotonic() - self._tried_at < LEAST_SECONDS_BETWEEN:
                return
            self._tried_at = monotonic()
            try:
                self._keys = await run_in_threadpool(_read, self._source)
            except (OSError, ValueError, httpx.HTTPError, PyJWTError) as error:
                log.error("the keys of signed identities cannot be read", extra={"error": str(error)})
            else:
                self._read_at = monotonic()


def _read(source: str) -> dict[str, PyJWK]:
    is_url = source.startswith(("http://", "https://"))
    document: Any
    if is_url:
        document = httpx.get(source, timeout=_TIMEOUT_SECONDS, follow_redirects=False).raise_for_status().json()
    else:
        document = json.loads(Path(source).read_text())
    if not isinstance(document, dict):
        raise ValueError(f"{source} holds no key set")
    keys = PyJWKSet.from_dict(document).keys
    return {key.key_id: key for key in keys if key.key_id and key.public_key_use in ("sig", None)}
