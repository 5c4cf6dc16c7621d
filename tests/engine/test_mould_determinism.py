"""A review for moulding is the same to the byte, whatever the process that makes it is like."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests import mould_parts as mould
from tests.engine.test_determinism import PROCESSES
from tests.parts import Solid

REVIEWS = """
import json, sys
from pathlib import Path
from workers.review import review
for path in map(Path, sys.argv[1:]):
    document = review(path, path.name, "injection_moulding", "default", material="abs")
    del document["timings_ms"]
    print(json.dumps(document))
"""
PARTS: dict[str, Callable[[], Solid]] = {
    "thick ledge": lambda: mould.snap_fit(2.0, thick=3.0).moved((7.0, -3.0, 11.0), (1.0, 2.0, 3.0), 37.0),
    "heap": lambda: mould.heaped(6.0).join(
        mould.rib(1.6, 7.0, at=(0.0, 15.0)), mould.boss(5.4, 2.4, 6.0, at=(20.0, 0.0))
    ),
    "thread": lambda: mould.threaded(inside=True),
}


def test_other_hash_seeds_and_threads_change_no_byte_of_a_review(tmp_path: Path) -> None:
    paths = [make().write_step(tmp_path / f"{name}.step") for name, make in PARTS.items()]
    first, second = (_reviews(paths, settings) for settings in PROCESSES)
    assert first == second
    assert [review.count(b'"rule": ') > 0 for review in first.splitlines()] == [True] * len(PARTS)


def _reviews(paths: list[Path], settings: dict[str, str]) -> bytes:
    command = [sys.executable, "-c", REVIEWS, *map(str, paths)]
    root = Path(__file__).parents[2]
    return subprocess.run(
        command, env=os.environ | settings, capture_output=True, check=True, cwd=root, timeout=300
    ).stdout
