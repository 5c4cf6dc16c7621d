"""A stored part that is no longer what was uploaded."""

import hashlib
from pathlib import Path

import pytest

from tests.parts import block
from workers.errors import PartError
from workers.part_facts import part_facts_in_sandbox
from workers.review import review_in_sandbox


@pytest.mark.parametrize("target", [review_in_sandbox, part_facts_in_sandbox])
def test_a_damaged_file_is_not_reviewed(target: object, tmp_path: Path) -> None:
    assert callable(target)
    path = block(20.0, 20.0, 20.0).write_step(tmp_path / "part.step")
    payload = {"path": str(path), "name": "part.step", "process": "auto", "limits": "default"}
    payload["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    assert target(payload, lambda _stage: None)["part"]["sha256"] == payload["sha256"]
    path.write_bytes(path.read_bytes().replace(b"20.", b"21."))
    with pytest.raises(PartError) as refused:
        target(payload, lambda _stage: None)
    assert refused.value.code == "part_damaged"
