"""Where everything RapidDraft keeps lies in the data folder."""

from dataclasses import dataclass
from pathlib import Path

from server._atomic_json import fsync_folder

_PRIVATE = 0o700


@dataclass(frozen=True)
class DataFolder:
    """The names in one data folder; nothing is made until `prepare`."""

    root: Path

    @property
    def admin_token(self) -> Path:
        return self.root / "admin-token"

    @property
    def tokens(self) -> Path:
        """The tokens that were made, their secrets hashed."""
        return self.root / "tokens"

    @property
    def queue(self) -> Path:
        """The broker's SQLite file."""
        return self.root / "queue.sqlite3"

    @property
    def uploads(self) -> Path:
        """Parts on their way in."""
        return self.root / "uploads"

    @property
    def removed_models(self) -> Path:
        """What is kept of a removed model: its activity log."""
        return self.root / "removed-models"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def models_by_sha256(self) -> Path:
        return self.root / "models-by-sha256"

    @property
    def jobs(self) -> Path:
        return self.root / "jobs"

    @property
    def damaged(self) -> Path:
        """A note on each document that was found damaged, until the operator removes it."""
        return self.root / "damaged"

    @property
    def run(self) -> Path:
        """Sockets and heartbeats: nothing in it outlives the processes."""
        return self.root / "run"

    @property
    def wake(self) -> Path:
        """Sockets of those who wait for a job to change."""
        return self.run / "wake"

    @property
    def queue_wake(self) -> Path:
        """Sockets of the workers that wait for messages."""
        return self.run / "queue-wake"

    @property
    def cache(self) -> Path:
        """What can be computed again, and may be deleted at any time."""
        return self.root / "cache"

    @property
    def workers(self) -> Path:
        """Heartbeats of the worker processes."""
        return self.run / "workers"

    def model(self, model_id: str) -> Path:
        return self.models / model_id

    def removed_model(self, model_id: str) -> Path:
        return self.removed_models / model_id

    def prepare(self) -> None:
        """Make the folders that are missing. Raises OSError where that is not possible."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.run.mkdir(mode=_PRIVATE, exist_ok=True)
        self.run.chmod(_PRIVATE)  # it may have been made before, by another process
        self.tokens.mkdir(mode=_PRIVATE, exist_ok=True)
        for folder in (
            self.uploads,
            self.removed_models,
            self.models,
            self.models_by_sha256,
            self.jobs,
            self.damaged,
            self.wake,
            self.workers,
        ):
            folder.mkdir(exist_ok=True)
        fsync_folder(self.root)
