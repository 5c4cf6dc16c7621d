"""Geometry that is kept saves the kernel's work and changes nothing else."""

import json
import tracemalloc
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import trimesh

from tests.assemblies import Placed, Product, write_assembly
from tests.engine.test_determinism import plate
from tests.parts import block, bracket, shaft
from workers import analysis, geometry
from workers.content_cache import ContentCache
from workers.errors import PartError
from workers.facts import measure
from workers.geometry import KeptGeometry, geometry_of
from workers.part_facts import part_facts
from workers.review import review
from workers.sandbox import Limits, Sandbox
from workers.stages import Stages

Configuration = tuple[str, str, str | None]
CONFIGURATIONS: list[Configuration] = [
    ("auto", "default", None),
    ("auto", "mtk", "steel-mild"),
    ("cnc_milling", "default", "aluminium-6061-t6"),
    ("cnc_turning", "default", None),
]
MADE_BY_THE_KERNEL = ("read", "tessellate", "facts", "features")


def askew(path: Path) -> Path:
    return plate().moved((7.0, -3.0, 11.0), (1.0, 2.0, 3.0), 37.0).write_step(path)


def turned(path: Path) -> Path:
    return shaft((20.0, 30.0), (12.0, 40.0), (16.0, 10.0)).write_step(path)


def assembly(path: Path) -> Path:
    """A turned part, and a milled one twice."""
    pin, angle = Product("pin", shaft((20.0, 30.0), (12.0, 40.0))), Product("angle", bracket())
    places = [Placed(pin), Placed(angle, (100.0, 0.0, 0.0)), Placed(angle, (0.0, 200.0, 0.0), degrees=30.0)]
    write_assembly(Product("all", components=places), path)
    return path


def mesh(path: Path) -> Path:
    path.write_bytes(trimesh.creation.annulus(r_min=8.0, r_max=10.0, height=40.0, sections=64).export(file_type="stl"))
    return path


def open_mesh(path: Path) -> Path:
    box = trimesh.creation.box(extents=(60.0, 40.0, 20.0))
    box.update_faces([True] * 11 + [False])
    path.write_bytes(box.export(file_type="stl"))
    return path


PARTS: dict[str, Callable[[Path], Path]] = {made.__name__: made for made in (askew, turned, assembly, mesh, open_mesh)}


@pytest.fixture
def kept(tmp_path: Path) -> KeptGeometry:
    return KeptGeometry(ContentCache(tmp_path / "cache", 1 << 28), "part")


def document(path: Path, configuration: Configuration, kept: KeptGeometry | None = None) -> str:
    """The review's bytes, but for how long it took."""
    return json.dumps(whole_document(path, configuration, kept) | {"timings_ms": None})


def whole_document(path: Path, configuration: Configuration, kept: KeptGeometry | None = None) -> dict[str, Any]:
    process, limits, material = configuration
    return review(path, "part.step", process, limits, material=material, kept=kept)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often a file was read, a part measured, and its features looked for."""
    known_by = {"read_file": geometry, "measure_facts": geometry, "recognise": analysis}
    counts = dict.fromkeys(known_by, 0)

    def counting(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:  # noqa: ANN401
            counts[name] += 1
            return real(*arguments)

        return call

    for name, module in known_by.items():
        monkeypatch.setattr(module, name, counting(name, getattr(module, name)))
    return counts


@pytest.fixture(scope="module", params=PARTS)
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return PARTS[request.param](tmp_path_factory.mktemp("parts") / "part")


@cache
def document_alone(path: Path, configuration: Configuration) -> str:
    return document(path, configuration)


@pytest.mark.parametrize("first", CONFIGURATIONS, ids=lambda first: "-".join(map(str, first)))
def test_a_review_is_the_same_with_and_without(path: Path, first: Configuration, kept: KeptGeometry) -> None:
    for configuration in (first, *CONFIGURATIONS):
        assert document(path, configuration, kept) == document_alone(path, configuration)


def test_the_kernel_works_once_for_all_configurations(
    kept: KeptGeometry, counted: dict[str, int], tmp_path: Path
) -> None:
    path = assembly(tmp_path / "part")
    for configuration in CONFIGURATIONS:
        whole_document(path, configuration, kept)
    # Two distinct solids. The pin is looked at as turned and, for milling, as milled.
    assert counted == {"read_file": 1, "measure_facts": 2, "recognise": 3}


def test_facts_and_reviews_share_it(kept: KeptGeometry, counted: dict[str, int], tmp_path: Path) -> None:
    path = askew(tmp_path / "part")
    measured = part_facts(path, "part.step", kept=kept)
    result = whole_document(path, CONFIGURATIONS[0], kept)
    assert counted == {"read_file": 1, "measure_facts": 1, "recognise": 1}
    assert part_facts(path, "part.step", kept=kept) | {"timings_ms": None} == measured | {"timings_ms": None}
    assert part_facts(path, "part.step")["facts"] == measured["facts"] == result["facts"]


def test_the_times_are_those_of_this_run(kept: KeptGeometry, tmp_path: Path) -> None:
    path = askew(tmp_path / "part")
    first, second = (whole_document(path, CONFIGURATIONS[0], kept)["timings_ms"] for _ in range(2))
    without = whole_document(path, CONFIGURATIONS[0])["timings_ms"]
    assert set(first) == set(second) == {*without, "cache"}
    assert all(first[stage] > 0 for stage in MADE_BY_THE_KERNEL)
    assert all(second[stage] == 0 for stage in MADE_BY_THE_KERNEL)
    assert second["cache"] > 0


def test_who_waits_is_told_of_no_stage_that_is_not_gone_through(kept: KeptGeometry, tmp_path: Path) -> None:
    path, stages = askew(tmp_path / "part"), list[str]()
    for _ in range(2):
        review(path, "part.step", "auto", "default", stages.append, kept=kept)
    assert stages == ["read", "tessellate", "facts", "features", "rules", "rules"]


def test_what_the_owner_calls_the_part_is_not_kept(kept: KeptGeometry, tmp_path: Path) -> None:
    path = mesh(tmp_path / "part")
    reviews = [review(path, name, "auto", "default", kept=kept) for name in ("one.stl", "other.stl")]
    alone = review(path, "other.stl", "auto", "default")
    assert reviews[0]["part"]["name"] == "one.stl"
    assert json.dumps(reviews[1] | {"timings_ms": None}) == json.dumps(alone | {"timings_ms": None})


@pytest.mark.parametrize("content", [b"", b"no pickle", b"cos\nno_such_name\n.", b"I1\n."])
def test_what_cannot_be_used_is_made_again(
    content: bytes, kept: KeptGeometry, counted: dict[str, int], tmp_path: Path
) -> None:
    path = turned(tmp_path / "part")
    ContentCache(tmp_path / "cache", 1 << 28).put("part", content)
    assert document(path, CONFIGURATIONS[0], kept) == document(path, CONFIGURATIONS[0])
    assert document(path, CONFIGURATIONS[1], kept)
    assert counted["read_file"] == 2


def test_what_could_not_be_measured_is_tried_again_next_time(
    kept: KeptGeometry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = turned(tmp_path / "part")
    with monkeypatch.context() as short_of_memory:

        def fail(*_arguments: object) -> None:
            raise MemoryError("for now")

        short_of_memory.setattr(measure, "measure_gaps", fail)
        failed = document(path, CONFIGURATIONS[0], kept)
        assert failed == document(path, CONFIGURATIONS[0])
    whole = document(path, CONFIGURATIONS[0], kept)
    assert "for now" in failed
    assert whole == document(path, CONFIGURATIONS[0])


def test_what_is_too_large_is_not_kept(
    kept: KeptGeometry, counted: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(geometry, "MOST_BYTES", 10_000)
    path = askew(tmp_path / "part")
    assert document(path, CONFIGURATIONS[0], kept) == document(path, CONFIGURATIONS[0], kept)
    assert counted["read_file"] == 2
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_is_nested_too_deeply_to_be_kept_is_reviewed(kept: KeptGeometry, tmp_path: Path) -> None:
    product = Product("angle", bracket())
    for level in range(200):
        product = Product(f"level {level}", components=[Placed(product)])
    path = write_assembly(product, tmp_path / "part")
    assert document(path, CONFIGURATIONS[0], kept) == document(path, CONFIGURATIONS[0])
    assert list((tmp_path / "cache").iterdir()) == []


def test_keeping_it_takes_the_memory_of_no_copy(kept: KeptGeometry, tmp_path: Path) -> None:
    path = mesh(tmp_path / "part")
    ball = trimesh.creation.icosphere(subdivisions=6, radius=20.0)
    path.write_bytes(ball.export(file_type="stl"))
    made = geometry_of(path, "part.stl", [("fdm",)], Stages(lambda _stage: None))
    tracemalloc.start()
    kept.store(made)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    size = (tmp_path / "cache" / "part").stat().st_size
    assert size > 3e6
    assert peak < size / 5


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox(["workers.preload"])
    yield sandbox
    sandbox.close()


def test_nothing_is_kept_of_a_part_that_fails(sandbox: Sandbox, tmp_path: Path) -> None:
    path = block(1e7, 10.0, 10.0).write_step(tmp_path / "part")
    cache = {"folder": str(tmp_path / "cache"), "max_bytes": 1 << 28, "key": "part"}
    payload = {"path": str(path), "name": "part.step", "cache": cache, "process": "auto", "limits": "default"}
    with pytest.raises(PartError) as refused:
        sandbox.run("workers.review:review_in_sandbox", payload, Limits(60, 1 << 30))
    assert refused.value.code == "size_not_sane"
    assert not (tmp_path / "cache").exists()
