"""The header `Prefer` (RFC 7240), as far as reviews understand it."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Prefer:
    """What a client would like: an answer at once, or one after at most `wait` seconds."""

    respond_async: bool = False
    wait: int | None = None


def parse_prefer(headers: Iterable[str]) -> Prefer:
    """The preferences in all `Prefer` headers of a request; of one given twice, the first counts.

    What is not understood is ignored, as the RFC says.
    """
    preferences: dict[str, str] = {}
    for preference in ",".join(headers).split(","):
        token, _, value = preference.partition(";")[0].partition("=")
        preferences.setdefault(token.strip().lower(), value.strip().strip('"'))
    wait = preferences.get("wait", "")
    return Prefer(
        respond_async="respond-async" in preferences,
        wait=int(wait) if wait.isascii() and wait.isdigit() and len(wait) < 10 else None,
    )
