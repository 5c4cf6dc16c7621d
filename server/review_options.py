"""What a review can be asked for; the one place that lists it.

The sets of limits and the materials are data: those that RapidDraft comes with, and a shop's own. Their form is the
engine's to check, and /readyz says what is wrong with it; here only their names are read.
"""

import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field

from server.settings import PROJECT_ROOT

Process = Literal[
    "auto", "cnc_milling", "cnc_turning", "sheet_metal", "injection_moulding", "fdm", "sla", "sls", "dmls"
]
Comparable = Literal["cnc_milling", "cnc_turning", "sheet_metal", "injection_moulding", "fdm", "sla", "sls", "dmls"]
SEVERAL = "+"


def joined(names: Iterable[str]) -> str:
    """One process, or several that are to be compared, as one name: sorted, each once.

    Raises ValueError, with all that there are, for one that there is not, and for `auto` beside others.
    """
    several = sorted(set(names))
    known = get_args(Process) if len(several) == 1 else get_args(Comparable)
    unknown = [name for name in several if name not in known]
    if unknown or not several:
        there_are = f"there are: {', '.join(known)}"
        raise ValueError(f"there is no process {unknown[0]!r} to take here; {there_are}" if unknown else there_are)
    return SEVERAL.join(several)


def _joined_again(name: str) -> str:
    return joined(name.split(SEVERAL))


Processes = Annotated[
    str,
    AfterValidator(_joined_again),
    Field(description="A process, or several joined by `+` that are compared.", examples=["auto", "cnc_milling+fdm"]),
]
LimitSet = str
Material = str

# A shaft that is sent without a word is to be judged as a shaft; what is not turned is milled, as before.
DEFAULT_PROCESS: Process = "auto"
DEFAULT_LIMITS: LimitSet = "default"

_SHIPPED = PROJECT_ROOT / "workers" / "rules" / "data"


def limit_sets(rules_dir: str) -> list[str]:
    """Names of all sets of limits, those of a shop's rules in `rules_dir` among them."""
    return sorted({name for content in _contents(rules_dir) for name in content.get("configurations", ())})


def materials(rules_dir: str) -> list[str]:
    """Ids of all materials, those of a shop's rules in `rules_dir` among them."""
    rows = [row for content in _contents(rules_dir) for row in content.get("materials", ())]
    return sorted({row["id"] for row in rows if isinstance(row, dict) and "id" in row})


def _contents(rules_dir: str) -> list[dict[str, Any]]:
    own = Path(rules_dir) if rules_dir else None
    own_files = [] if own is None else [own] if own.is_file() else sorted(own.glob("*.toml"))
    return [_content(path, path.stat().st_mtime_ns) for path in (*sorted(_SHIPPED.glob("*.toml")), *own_files)]


@lru_cache
def _content(path: Path, _modified: int) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}  # the worker refuses it, and /readyz says why
