"""Trying fixes on parts built by code, in the test's own process."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.engine.reviewing import Review
from tests.parts import Solid
from workers.cad.edit.body import Body, read_body
from workers.fixes.sandboxed import candidate_in_sandbox
from workers.review import review


@dataclass(frozen=True)
class Tried:
    """What came of one finding of a part: the outcome, and the solid before and after."""

    outcome: Review
    before: Body
    after: Body | None
    written: bytes | None


def tried(
    solid: Solid,
    rule: str,
    number: int = 0,
    *,
    process: str = "cnc_milling",
    limits: str = "default",
    together: bool = False,
) -> Tried:
    """The outcome for the finding of `rule` that the review lists at place `number`."""
    with TemporaryDirectory() as folder:
        path, output = Path(folder) / "part.step", Path(folder) / "fixed.step"
        solid.write_step(path)
        found = [f for f in review(path, "part.step", process, limits)["findings"] if f["rule"] == rule]
        assert found, f"the part has no finding of {rule}"
        payload: dict[str, Any] = {"path": str(path), "name": "part.step", "process": process, "limits": limits}
        payload |= {"finding": found[number]["id"], "output": str(output), "together": together}
        outcome = candidate_in_sandbox(payload, lambda _stage: None)
        left = sorted(file.name for file in Path(folder).iterdir())
        assert left == ["fixed.step", "part.step"][outcome["outcome"] != "cleared" :], left
        if outcome["outcome"] != "cleared":
            return Tried(outcome, read_body(path), None, None)
        return Tried(outcome, read_body(path), read_body(output), output.read_bytes())


def change_of(fix: Tried) -> float:
    """mm3 that the fix added."""
    assert fix.after is not None, fix.outcome
    return fix.after.volume - fix.before.volume
