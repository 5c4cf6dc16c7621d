"""Which version of what runs here."""

import platform
import subprocess
from functools import cache

from pydantic import BaseModel, Field

from rapiddraft import __version__
from server.settings import PROJECT_ROOT, Settings
from server.stores.worker_heartbeat import Beat
from workers.engine_digest import engine_digest

_GIT_SECONDS = 5


class Versions(BaseModel):
    """What makes the reviews."""

    rapiddraft: str
    python: str
    kernel: str | None = Field(description="As a worker found it; null until one has.")
    engine: str = Field(description="Digest of the engine and the rules: where it is equal, so are the reviews.")
    commit: str | None = Field(description="Of the source, if that is known.")


def versions_of(settings: Settings, beat: Beat | None) -> Versions:
    """The versions of now; `beat` is a worker's. Runs git the first time."""
    return Versions(
        rapiddraft=__version__,
        python=platform.python_version(),
        kernel=beat.kernel.detail if beat and beat.kernel and beat.kernel.ok else None,
        engine=engine_digest(settings.rules_dir),
        commit=settings.commit or _checked_out(),
    )


@cache
def _checked_out() -> str | None:
    command = ["git", "-C", str(PROJECT_ROOT), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_GIT_SECONDS)
    except (OSError, subprocess.SubprocessError):  # no git, or no repository
        return None
    return found.stdout.strip()
