"""The same part and configuration give the same bytes, whatever the process that reviews it is like."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.parts import Solid, block, bracket, drill, pocket, ring, shaft

REVIEWS = """
import json, sys
from pathlib import Path
from workers.review import review
for path in map(Path, sys.argv[1:]):
    document = review(path, path.name, "auto", "mtk")
    del document["timings_ms"]
    print(json.dumps(document))
"""
PROCESSES = (
    {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    {"PYTHONHASHSEED": "2", "OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4", "MKL_NUM_THREADS": "4"},
)


def plate() -> Solid:
    """Holes in rows, a pocket with an island, rounded and broken edges."""
    holes = [drill(5.0, 30.0, (x, y, 20.0)) for x in (10.0, 30.0, 50.0) for y in (10.0, 50.0)]
    room = pocket(40.0, 20.0, 8.0, (50.0, 30.0, 20.0), corner=3.0, floor=1.0)
    return block(100.0, 60.0, 20.0).cut(*holes, room).join(block(6.0, 6.0, 6.0, (47.0, 27.0, 12.0)))


PARTS: dict[str, Callable[[], Solid]] = {
    "bracket": bracket,
    "plate": plate,
    "askew": lambda: plate().moved((7.0, -3.0, 11.0), (1.0, 2.0, 3.0), 37.0),
    "shaft": lambda: shaft((20.0, 30.0), (12.0, 40.0), (16.0, 10.0)),
    "ring": lambda: ring(60.0, 40.0, 12.0),
}


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    """The review of each part, by each process."""
    folder = tmp_path_factory.mktemp("parts")
    paths = [make().write_step(folder / f"{name}.step") for name, make in PARTS.items()]
    return [dict(zip(PARTS, _reviews(paths, settings), strict=True)) for settings in PROCESSES]


@pytest.mark.parametrize("name", PARTS)
def test_other_hash_seeds_and_threads_change_no_byte_of_a_review(reviews: list[dict[str, bytes]], name: str) -> None:
    first, second = (each[name] for each in reviews)
    assert first == second
    assert json.loads(first)["part"]["name"] == f"{name}.step" and b'"findings"' in first


def _reviews(paths: list[Path], settings: dict[str, str]) -> list[bytes]:
    """The reviews by a fresh process with `settings` in its environment."""
    command = [sys.executable, "-c", REVIEWS, *map(str, paths)]
    environment = os.environ | settings
    done = subprocess.run(command, env=environment, capture_output=True, check=True, cwd=_ROOT, timeout=300)
    return done.stdout.splitlines()


_ROOT = Path(__file__).parents[2]
