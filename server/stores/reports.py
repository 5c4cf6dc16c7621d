"""Reports on analysis runs, as a worker drew them: a folder beside the runs, with a file of each kind.

They follow from the run and the part, so the activity log has none of them, and whoever misses one has it drawn again.
A report goes with its run, and is drawn again once what it looks like has changed (REPORT_VERSION).
"""

import os
import shutil
from pathlib import Path

from server._atomic_json import fsync_folder
from server.data_folder import DataFolder
from server.ids import new_id
from server.stores.errors import NotFoundError
from server.stores.model_documents import locked_model
from server.stores.paging import ids_in
from workers.report import REPORT_VERSION

FOLDER = "reports"
HTML, PDF = "report.html", "report.pdf"
FILES = (HTML, PDF)


class Reports:
    """The reports in one data folder."""

    def __init__(self, data: DataFolder) -> None:
        self._data = data

    def content(self, model_id: str, run_id: str, name: str) -> bytes | None:
        """A file of the report on a run, whole; None if it is not drawn, or was removed meanwhile."""
        path = self.path(model_id, run_id, name)
        try:
            return path.read_bytes() if path else None
        except FileNotFoundError:
            return None

    def put(self, model_id: str, run_id: str, folder: Path) -> bool:
        """Keep the files of a report that are in `folder`; durable when this returns.

        False where a report on the run of this version is kept already, which stays. Raises NotFoundError if the run is
        gone, FileNotFoundError if one of the files is missing, OSError and LockTimeoutError.
        """
        whole = self._folder(model_id, run_id)
        with locked_model(self._data, model_id):
            self._make_folder(model_id)
        # Swept up by its name, if this comes to an end before it is done.
        staged = whole.with_name(f".{run_id}-{new_id()}.tmp")
        staged.mkdir()
        try:
            for name in FILES:
                _copy(folder / name, staged / _of_version(name))
            fsync_folder(staged)
            with locked_model(self._data, model_id):
                return self._put_in_place(model_id, run_id, staged)
        finally:
            shutil.rmtree(staged, ignore_errors=True)

    def path(self, model_id: str, run_id: str, name: str) -> Path | None:
        """Where the file of one of FILES is; None if there is no report on the run of this version."""
        path = self._folder(model_id, run_id) / _of_version(name)
        return path if path.is_file() else None

    def _make_folder(self, model_id: str) -> None:
        folder = self._data.model(model_id) / FOLDER
        if not folder.exists():
            folder.mkdir()
            fsync_folder(folder.parent)

    def _put_in_place(self, model_id: str, run_id: str, staged: Path) -> bool:
        """For who holds the model's lock: neither run nor report comes or goes meanwhile."""
        whole = self._folder(model_id, run_id)
        if not (self._data.model(model_id) / "runs" / f"{run_id}.json").exists():
            raise NotFoundError("analysis run", run_id)
        if (whole / _of_version(PDF)).exists():
            return False
        remove_locked(self._data, model_id, run_id)  # one of another version
        staged.rename(whole)
        fsync_folder(whole.parent)
        return True

    def _folder(self, model_id: str, run_id: str) -> Path:
        return folder_of(self._data, model_id, run_id)


def folder_of(data: DataFolder, model_id: str, run_id: str) -> Path:
    """Where the report on a run is, if there is one."""
    return data.model(model_id) / FOLDER / run_id


def remove_locked(data: DataFolder, model_id: str, run_id: str) -> None:
    """Remove the report on a run, before the run: for who holds the model's lock. Raises OSError."""
    whole = folder_of(data, model_id, run_id)
    if whole.exists():
        # Out of its name in one step, so that nobody is sent half of it.
        away = whole.with_name(f".{run_id}-{new_id()}.tmp")
        whole.rename(away)
        shutil.rmtree(away)


def sizes_of(data: DataFolder, model_id: str) -> dict[str, int]:
    """How large the report on each run is that has one, in bytes."""
    return {
        run_id: sum(path.stat().st_size for path in folder_of(data, model_id, run_id).glob("*"))
        for run_id in ids_in(data.model(model_id) / FOLDER)
    }


def _of_version(name: str) -> str:
    """As a file of FILES is called where it is kept."""
    stem, _, kind = name.rpartition(".")
    return f"{stem}-{REPORT_VERSION}.{kind}"


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as there, target.open("wb") as here:
        shutil.copyfileobj(there, here)
        here.flush()
        os.fsync(here.fileno())
