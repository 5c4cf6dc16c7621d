"""What a crash leaves is swept once it is old, and nothing else."""

import os
import time
from pathlib import Path

import pytest

from server._atomic_json import with_file_lock
from server.data_folder import DataFolder
from server.ids import new_id
from server.stores.errors import DamagedDocumentError
from server.stores.leftovers import sweep
from server.stores.model_store import ModelStore
from tests.server.conftest import STEP


def make_old(path: Path) -> None:
    an_hour_and_more_ago = time.time() - 4000
    os.utime(path, (an_hour_and_more_ago, an_hour_and_more_ago))


def test_old_leftovers_go_and_the_rest_stays(data: DataFolder) -> None:
    models = ModelStore(data)
    part = models.receive(len(STEP))
    part.write(STEP)
    model_id = models.keep(part, "a.step", "admin")[0].id
    part.close()
    half_made = data.models / new_id()
    removed = data.removed_models / new_id()
    for folder in (half_made, removed):
        (folder / "runs").mkdir(parents=True)
        (folder / "part.step").write_bytes(b"x")
    (removed / "activity.jsonl").write_bytes(b"x")
    upload = data.uploads / new_id()
    document = data.jobs / ".x.json.123.tmp"
    in_model = data.model(model_id) / ".tickets.json.123.tmp"
    data.cache.mkdir()
    sha256 = models.get(model_id).sha256
    ours = [data.cache / f"{whose}-x" for whose in (model_id, sha256)]
    of_nobody = [data.cache / f"{whose}-x" for whose in (new_id(), sha256[::-1])]
    for file in (upload, document, in_model, *ours, *of_nobody):
        file.write_bytes(b"x")
    leftovers = [half_made, removed / "runs", removed / "part.step", upload, document, in_model, *of_nobody]

    assert sweep(data) == 0
    assert all(path.exists() for path in leftovers)

    for path in [*leftovers, *ours, data.model(model_id)]:
        make_old(path)
    assert sweep(data) == len(leftovers)
    assert not any(path.exists() for path in leftovers)
    assert all(path.exists() for path in ours)
    assert (removed / "activity.jsonl").exists()
    assert models.get(model_id)
    assert models.part_file(model_id).exists()


def test_only_one_process_sweeps(data: DataFolder) -> None:
    upload = data.uploads / new_id()
    upload.write_bytes(b"x")
    make_old(upload)
    with with_file_lock(data.root / "sweep"):
        assert sweep(data) == 0
    assert upload.exists()
    assert sweep(data) == 1


def test_a_damaged_model_is_not_a_leftover(data: DataFolder) -> None:
    models = ModelStore(data)
    part = models.receive(len(STEP))
    part.write(STEP)
    model_id = models.keep(part, "a.step", "admin")[0].id
    part.close()
    folder = data.model(model_id)
    (folder / "activity.jsonl").unlink()
    (folder / "model.json").write_bytes(b"")
    with pytest.raises(DamagedDocumentError):
        models.get(model_id)
    make_old(folder)
    sweep(data)
    assert models.part_file(model_id).read_bytes() == STEP
