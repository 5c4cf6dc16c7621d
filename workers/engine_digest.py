"""What the engine is, as a digest: equal digests mean equal results from equal parts.

Imports neither the engine nor the kernel.
"""

import hashlib
import platform
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from server.settings import get_settings

WORKERS = Path(__file__).parent
GEOMETRY = (
    *("cad", "facts", "features", "additive", "machining", "moulding", "sheet", "rules/data/machines.toml"),
    *("analysis.py", "suitability.py", "geometry.py", "process_choice.py", "errors.py", "../server/part_format.py"),
)
REVIEW = (
    *("rules", "review.py", "part_facts.py", "whole.py", "plain_json.py", "stored_part.py", "stages.py"),
    *("engine_versions.py", "process_comparison.py"),
)
LIBRARIES = (
    *("cadquery-ocp-novtk", "cadquery-ocp", "pythonocc-core", "pythonocc-core-wheels"),
    *("numpy", "scipy", "embreex", "trimesh", "networkx", "lxml", "shapely", "pydantic", "rapiddraft"),
)


def engine_digest(rules_dir: str) -> str:
    """Of what a review depends on besides the part and its configuration; `rules_dir` is a shop's own rules, or "".

    Cheap when it is asked again: a few `stat`. A rule file that was changed meanwhile changes it. Of rules that are
    not there or cannot be read it takes no notice: the review will say so.
    """
    digest = hashlib.sha256(_shipped().encode())
    for path in _own_rules(rules_dir):
        try:
            status = path.stat()
            content = _digest_of_file(path, status.st_mtime_ns, status.st_size)
        except OSError as error:
            content = type(error).__name__
        digest.update(f"{path.name}\0{content}\0".encode())
    return digest.hexdigest()


@cache
def geometry_digest() -> str:
    """Of what is read and measured of a part, and recognised on it: that knows no rules."""
    return _digest_of(GEOMETRY)


@cache
def _shipped() -> str:
    return geometry_digest() + _digest_of(REVIEW)


def _digest_of(names: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for library in LIBRARIES:
        digest.update(f"{library} {_version(library)}\0".encode())
    digest.update(f"{platform.python_version()} {platform.machine()} {get_settings().kernel}\0".encode())
    for path in _sources(names):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(WORKERS.parent)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _sources(names: Iterable[str]) -> list[Path]:
    found: list[Path] = []
    for name in names:
        path = (WORKERS / name).resolve()
        found += path.rglob("*.py") if path.is_dir() else [path]
        found += path.rglob("*.toml") if path.is_dir() else []
    return sorted(found)


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"


def _own_rules(rules_dir: str) -> list[Path]:
    """As the rule book finds them."""
    if not rules_dir:
        return []
    own = Path(rules_dir)
    return sorted(own.glob("*.toml")) if own.is_dir() else [own]


@cache
def _digest_of_file(path: Path, _mtime_ns: int, _size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
