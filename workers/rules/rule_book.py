"""All rules in force for a process: the files that RapidDraft comes with, and a shop's own laid over them."""

import hashlib
from functools import lru_cache
from pathlib import Path

from workers.rules.include import with_included
from workers.rules.material import Material
from workers.rules.rule_file import RuleFile, RuleFileError, Strict, read_toml
from workers.rules.shop import ShopFile, laid_over

DATA = Path(__file__).parent / "data"
TABLES = ("machines", "materials", "threads")  # files of data that are not rules
PROCESSES = tuple(sorted(path.stem for path in DATA.glob("*.toml") if path.stem not in TABLES))


class _Materials(Strict):
    materials: list[Material]


@lru_cache
def load_rules(process: str, own: Path | None = None) -> RuleFile:
    """The rules of `process`; `own` is a shop's file, or a folder of them, to lay over in the order of their names.

    Raises RuleFileError if there is no such process or a file does not fit.
    """
    if process not in PROCESSES:
        raise RuleFileError(f"There are no rules for the process {process!r}; there are for: {', '.join(PROCESSES)}.")
    rules = _rule_file(DATA / f"{process}.toml")
    for base in rules.include:
        known = {rule.id for rule in load_rules(base).rules}
        rules = with_included(rules, load_rules(base, own), known, f"{process}.toml")
    for path, shop in _shop_files(own):
        if shop.process == process:
            rules = laid_over(rules, shop, path.name)
    return rules


@lru_cache
def load_materials(own: Path | None = None) -> dict[str, Material]:
    """All known materials by id, a shop's own among them. Raises RuleFileError if a file does not fit."""
    found = read_toml(DATA / "materials.toml", _Materials).materials
    for _path, shop in _shop_files(own):
        found = found + shop.materials
    return {material.id: material for material in found}


def material_named(name: str | None, own: Path | None = None) -> Material | None:
    """The material with the id `name`. Raises RuleFileError, with all that are known, if there is none."""
    if name is None:
        return None
    known = load_materials(own)
    if name not in known:
        raise RuleFileError(f"There is no material {name!r}; there are: {', '.join(sorted(known))}.")
    return known[name]


def rules_digest(process: str, own: Path | None = None) -> str:
    """SHA-256 over the process's rule file with those it includes, the tables and a shop's files.

    Equal digests mean equal rules.
    """
    digest = hashlib.sha256()
    for content in (_shipped_content(DATA, process), *map(_headed_content, _shop_paths(own))):
        digest.update(content)
    return digest.hexdigest()


@lru_cache
def _shipped_content(folder: Path, process: str) -> bytes:
    included = _rule_file(folder / f"{process}.toml").include
    return b"".join(_headed_content(folder / f"{name}.toml") for name in (process, *included, *TABLES))


def _headed_content(path: Path) -> bytes:
    content = path.read_bytes()
    return f"{path.name}:{len(content)}:".encode() + content


@lru_cache
def _rule_file(path: Path) -> RuleFile:
    return read_toml(path, RuleFile)


def _shop_files(own: Path | None) -> list[tuple[Path, ShopFile]]:
    files = [(path, read_toml(path, ShopFile)) for path in _shop_paths(own)]
    for path, shop in files:
        if shop.process is not None and shop.process not in PROCESSES:
            known = ", ".join(PROCESSES)
            raise RuleFileError(f"{path.name}: process: there is no process {shop.process!r}; there are: {known}")
    return files


def _shop_paths(own: Path | None) -> list[Path]:
    if own is None:
        return []
    if own.is_dir():
        return sorted(own.glob("*.toml"))
    if own.is_file():
        return [own]
    raise RuleFileError(f"{own}: there is no such file or folder of rules")
