"""How large the campaign is, and where its counts go.

`make faults` sets FAULTS_FULL=1 for the full form; without it every test takes a short form that belongs to
`make test`. FAULTS_SEED repeats a campaign, FAULTS_RESULTS is the folder for the counts (JSON).
"""

import json
import os
import secrets
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

FULL = os.environ.get("FAULTS_FULL") == "1"
SEED = int(os.environ.get("FAULTS_SEED") or secrets.randbelow(1_000_000))
RESULTS = Path(os.environ["FAULTS_RESULTS"]) if "FAULTS_RESULTS" in os.environ else None


def size(*, full: T, short: T) -> T:
    """The one that belongs to this form of the campaign."""
    return full if FULL else short


def report(name: str, **counts: Any) -> None:  # noqa: ANN401 - JSON
    """Keep the counts of one test: on its captured output, and as a file of RESULTS."""
    document = {"name": name, "seed": SEED, "full": FULL, **counts}
    print(json.dumps(document))  # noqa: T201 - pytest shows it where the test fails
    if RESULTS:
        RESULTS.mkdir(parents=True, exist_ok=True)
        (RESULTS / f"{name.replace('/', '-')}.json").write_text(json.dumps(document, indent=2))
