"""The engine's digest changes with all that a review depends on, and knows every source of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from workers import engine_digest as digests
from workers.engine_digest import engine_digest, geometry_digest

# What the engine's modules import, but which no result depends on; the choice of the kernel is in the digest by itself.
NOT_PART_OF_IT = {
    "workers/__init__.py",
    "workers/content_cache.py",
    "server/__init__.py",
    "server/settings.py",
    "server/machine.py",  # what the settings' defaults are made of
    "server/access/__init__.py",
    "server/access/roles.py",
}

LOADED = """
import sys
import workers.part_facts, workers.review
files = {getattr(module, "__file__", None) for module in sys.modules.values()}
print("\\n".join(sorted(f for f in files if f and f.startswith(sys.argv[1]))))
"""


def test_it_covers_what_the_engine_imports() -> None:
    root = digests.WORKERS.parent
    folders = [f"{root}/workers/", f"{root}/server/"]
    command = [sys.executable, "-c", LOADED]
    loaded = {
        line
        for folder in folders
        for line in subprocess.run([*command, folder], capture_output=True, text=True, check=True).stdout.split()
    }
    covered = {str(path) for path in digests._sources((*digests.GEOMETRY, *digests.REVIEW))}
    assert {str(Path(file).relative_to(root)) for file in loaded - covered} == NOT_PART_OF_IT
    assert len(loaded & covered) > 100


def test_asking_for_it_loads_neither_engine_nor_kernel() -> None:
    program = "import sys; from workers.engine_digest import engine_digest as d; d(''); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "workers.engine_digest" in modules
    assert not [name for name in modules if name.startswith(("OCP", "OCC", "workers.cad", "workers.rules", "numpy"))]


def test_it_is_the_same_in_another_process() -> None:
    program = "from workers.engine_digest import engine_digest as d; print(d(''))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.strip() == engine_digest("")


def test_a_shops_rules_are_in_it_as_they_are_now(tmp_path: Path) -> None:
    without = engine_digest("")
    assert engine_digest(str(tmp_path)) == without  # an empty folder changes no review
    rules = tmp_path / "shop.toml"
    rules.write_text("process = 'cnc_milling'\n")
    first = engine_digest(str(tmp_path))
    assert first == engine_digest(str(rules)) != without
    assert engine_digest(str(tmp_path)) == first
    rules.write_text("process = 'cnc_turning'\n# changed\n")
    second = engine_digest(str(tmp_path))
    (tmp_path / "more.toml").write_text("")
    assert len({without, first, second, engine_digest(str(tmp_path))}) == 4


def test_rules_that_are_not_there_are_another_engine_than_none(tmp_path: Path) -> None:
    assert engine_digest(str(tmp_path / "missing.toml")) != engine_digest("")


@pytest.mark.parametrize("change", ["LIBRARIES", "GEOMETRY"])
def test_sources_and_versions_are_in_both(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    before = digests._digest_of(digests.GEOMETRY)
    assert before == geometry_digest()
    monkeypatch.setattr(digests, change, getattr(digests, change)[1:])
    assert digests._digest_of(digests.GEOMETRY) != before


def test_the_kernel_that_is_asked_for_is_in_it() -> None:
    program = "from workers.engine_digest import geometry_digest as d; print(d())"
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"RAPIDDRAFT_KERNEL": kernel},
        ).stdout
        for kernel in ("auto", "occ", "ocp")
    }
    assert len(said) == 3
