"""Reports beside the runs that they are on."""

from pathlib import Path
from unittest import mock

import pytest

from server.data_folder import DataFolder
from server.ids import new_id
from server.stores import reports
from server.stores.analysis_runs import AnalysisRuns
from server.stores.backup import back_up, restore
from server.stores.errors import NotFoundError
from server.stores.leftovers import sweep
from server.stores.model_documents import locked_model
from server.stores.model_store import ModelStore
from server.stores.reports import FILES, HTML, PDF, Reports
from server.stores.verify import verify
from tests.stores.making import make_model


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """What a worker drew."""
    folder = tmp_path / "drawn"
    folder.mkdir()
    for name in FILES:
        (folder / name).write_bytes(name.encode())
    return folder


def make_run(data: DataFolder) -> tuple[str, str]:
    model_id, run_id = make_model(data), new_id()
    AnalysisRuns(data).add(model_id, run_id, {"findings": []}, job_id=run_id)
    return model_id, run_id


def test_what_was_put_is_there(data: DataFolder, drawn: Path) -> None:
    model_id, run_id = make_run(data)
    kept = Reports(data)
    assert kept.path(model_id, run_id, PDF) is None
    assert kept.put(model_id, run_id, drawn)
    for name in FILES:
        path = kept.path(model_id, run_id, name)
        assert path is not None and path.read_bytes() == name.encode()
    assert verify(data).findings == []
    assert reports.sizes_of(data, model_id) == {run_id: len(HTML) + len(PDF)}


def test_the_first_report_stays(data: DataFolder, drawn: Path) -> None:
    model_id, run_id = make_run(data)
    kept = Reports(data)
    kept.put(model_id, run_id, drawn)
    (drawn / HTML).write_bytes(b"another")
    assert not kept.put(model_id, run_id, drawn)
    path = kept.path(model_id, run_id, HTML)
    assert path is not None and path.read_bytes() == HTML.encode()
    assert _names(data, model_id) == [run_id]


def test_one_of_another_version_is_put_in_its_place(data: DataFolder, drawn: Path) -> None:
    model_id, run_id = make_run(data)
    kept = Reports(data)
    with mock.patch.object(reports, "REPORT_VERSION", 1):
        kept.put(model_id, run_id, drawn)
    assert kept.path(model_id, run_id, PDF) is None
    (drawn / HTML).write_bytes(b"another")
    assert kept.put(model_id, run_id, drawn)
    path = kept.path(model_id, run_id, HTML)
    assert path is not None and path.read_bytes() == b"another"
    assert reports.sizes_of(data, model_id) == {run_id: len(b"another") + len(PDF)}
    assert _names(data, model_id) == [run_id]


@pytest.mark.parametrize("gone", ["run", "model"])
def test_there_is_none_of_what_is_gone(data: DataFolder, drawn: Path, gone: str) -> None:
    model_id, run_id = make_run(data)
    if gone == "model":
        ModelStore(data).remove(model_id, who="ann")
    else:
        run_id = new_id()
    with pytest.raises(NotFoundError):
        Reports(data).put(model_id, run_id, drawn)
    assert Reports(data).path(model_id, run_id, PDF) is None
    assert gone == "model" or _names(data, model_id) == []


def test_half_a_report_is_none(data: DataFolder, drawn: Path) -> None:
    model_id, run_id = make_run(data)
    (drawn / PDF).unlink()
    with pytest.raises(FileNotFoundError):
        Reports(data).put(model_id, run_id, drawn)
    assert _names(data, model_id) == []


def test_it_goes_with_its_run(data: DataFolder, drawn: Path) -> None:
    model_id, run_id = make_run(data)
    Reports(data).put(model_id, run_id, drawn)
    with locked_model(data, model_id) as model_log:
        AnalysisRuns(data).remove_locked(model_log, run_id, who="retention")
    assert Reports(data).path(model_id, run_id, PDF) is None
    assert _names(data, model_id) == []
    assert verify(data).findings == []


def test_what_a_crash_leaves_is_swept(data: DataFolder, drawn: Path) -> None:
    model_id, run_id = make_run(data)
    with (
        mock.patch("shutil.rmtree"),
        mock.patch.object(Path, "rename", side_effect=OSError),
        pytest.raises(OSError),
    ):
        Reports(data).put(model_id, run_id, drawn)
    assert len(_names(data, model_id)) == 1
    sweep(data, older_than_seconds=-1.0)
    assert _names(data, model_id) == []


def test_a_backup_has_it(data: DataFolder, drawn: Path, tmp_path: Path) -> None:
    model_id, run_id = make_run(data)
    Reports(data).put(model_id, run_id, drawn)
    back_up(data, tmp_path / "backup.tar")
    restore(tmp_path / "backup.tar", tmp_path / "restored")
    path = Reports(DataFolder(tmp_path / "restored")).path(model_id, run_id, PDF)
    assert path is not None and path.read_bytes() == PDF.encode()


def _names(data: DataFolder, model_id: str) -> list[str]:
    folder = data.model(model_id) / reports.FOLDER
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
