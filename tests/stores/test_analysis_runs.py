"""Analysis runs as they are sent: from the cache if they are there, and never of a run that is not."""

from pathlib import Path
from unittest import mock

import pytest

from server._atomic_json import encode_json
from server.data_folder import DataFolder
from server.ids import new_id
from server.stores.analysis_runs import AnalysisRuns
from server.stores.errors import NotFoundError
from server.stores.leftovers import sweep
from server.stores.model_store import ModelStore
from tests.stores.making import make_model
from workers.content_cache import ContentCache

REVIEW = {"facts": {"volume": 1.10, "name": "Gehäuse"}, "findings": [1e-9, None, True], "summary": {"verdict": "ok"}}
SENT = encode_json(REVIEW)


@pytest.fixture
def runs(data: DataFolder) -> AnalysisRuns:
    return AnalysisRuns(data, cache_mb=1)


def add(runs: AnalysisRuns, model_id: str) -> str:
    run_id = new_id()
    runs.add(model_id, run_id, REVIEW, job_id=run_id)
    return run_id


def entries(data: DataFolder) -> list[str]:
    return sorted(path.name for path in data.cache.glob("[!.]*"))


def test_what_was_added_is_sent_without_being_read(data: DataFolder, runs: AnalysisRuns) -> None:
    model_id = make_model(data)
    run_id = add(runs, model_id)
    with mock.patch.object(runs, "get", side_effect=AssertionError):
        assert runs.rendered(model_id, run_id) == SENT
    assert runs.get(model_id, run_id).review == REVIEW


@pytest.mark.parametrize("damaged", [True, False])
def test_what_the_cache_has_lost_is_rendered_and_put_there(data: DataFolder, runs: AnalysisRuns, damaged: bool) -> None:
    model_id = make_model(data)
    run_id = add(runs, model_id)
    [name] = entries(data)
    entry = data.cache / name
    if damaged:
        entry.write_bytes(b"x" + entry.read_bytes()[1:])
    else:
        entry.unlink()
    assert runs.rendered(model_id, run_id) == SENT
    with mock.patch.object(runs, "get", side_effect=AssertionError):
        assert runs.rendered(model_id, run_id) == SENT


def test_without_a_cache_it_is_rendered_each_time(data: DataFolder) -> None:
    runs = AnalysisRuns(data)
    model_id = make_model(data)
    run_id = add(runs, model_id)
    assert runs.rendered(model_id, run_id) == runs.rendered(model_id, run_id) == SENT
    assert not data.cache.exists()


def test_a_listing_reads_each_run_once(data: DataFolder, runs: AnalysisRuns) -> None:
    model_id = make_model(data)
    added = [add(runs, model_id) for _ in range(3)]
    first = runs.list(model_id, limit=9)
    assert [(run.id, run.summary) for run in first.items] == [(run_id, {"verdict": "ok"}) for run_id in added[::-1]]
    with mock.patch("server.stores.documents.unframed", side_effect=AssertionError):
        assert runs.list(model_id, limit=9) == first
    (data.model(model_id) / "runs" / f"{added[0]}.json").unlink()
    with mock.patch("server.stores.model_documents.ModelDocuments.ids", return_value=added):
        assert [run.id for run in runs.list(model_id, limit=9).items] == added[1:]
    ModelStore(data).remove(model_id, who="ann")
    assert entries(data) == []


def test_a_run_that_is_not_there_is_not_sent_from_the_cache(data: DataFolder, runs: AnalysisRuns) -> None:
    model_id = make_model(data)
    run_id = add(runs, model_id)
    (data.model(model_id) / "runs" / f"{run_id}.json").unlink()
    with pytest.raises(NotFoundError, match="run"):
        runs.rendered(model_id, run_id)
    with pytest.raises(NotFoundError, match="model"):
        runs.rendered(new_id(), run_id)


def test_a_removed_model_leaves_nothing_in_the_cache(data: DataFolder, runs: AnalysisRuns) -> None:
    going, staying = make_model(data, "going"), make_model(data, "staying")
    sha256 = ModelStore(data).get(going).sha256
    geometry, other = f"{sha256}-geometry", f"{'0' * 64}-geometry"
    for key in (geometry, other):
        ContentCache(data.cache, 1000).put(key, b"x")
    add(runs, going)
    kept = add(runs, staying)
    ModelStore(data).remove(going, who="ann")
    assert entries(data) == sorted([f"{staying}-{kept}", other])


def test_a_model_that_goes_while_its_run_is_rendered_leaves_nothing_either(
    data: DataFolder, runs: AnalysisRuns
) -> None:
    model_id = make_model(data)
    put = ContentCache.put

    def put_too_late(cache: ContentCache, key: str, content: bytes) -> None:
        ModelStore(data).remove(model_id, who="ann")
        put(cache, key, content)

    with mock.patch.object(ContentCache, "put", put_too_late):
        add(runs, model_id)
    assert entries(data) == []


def test_what_a_crash_left_of_a_removed_model_is_swept(data: DataFolder, runs: AnalysisRuns) -> None:
    going, staying = make_model(data, "going"), make_model(data, "staying")
    add(runs, going)
    kept = add(runs, staying)
    with mock.patch("server.stores.model_store._forget", side_effect=OSError("killed here")):
        ModelStore(data).remove(going, who="ann")
    assert len(entries(data)) == 2
    sweep(data, older_than_seconds=0)
    assert entries(data) == [f"{staying}-{kept}"]


def test_a_cache_that_cannot_be_written_keeps_no_run_from_being_kept(data: DataFolder, runs: AnalysisRuns) -> None:
    model_id = make_model(data)
    Path(data.cache).write_text("not a folder")
    assert runs.rendered(model_id, add(runs, model_id)) == SENT
