"""The least that any review costs: the kernel's bare read and tessellation, for benchmarks to compare with."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from workers.cad.binding import module
from workers.cad.step import read_step
from workers.cad.tessellate import ANGULAR_DEFLECTION_RAD, RELATIVE_DEFLECTION


def read_and_tessellate(payload: dict[str, Any], report_stage: Callable[[str], None]) -> dict[str, float]:
    """Milliseconds for `read` and `tessellate` of the STEP file `payload["path"]`, and nothing else."""
    report_stage("read")
    started = perf_counter()
    step = read_step(Path(payload["path"]))
    read = perf_counter()
    report_stage("tessellate")
    deflection = step.diagonal * RELATIVE_DEFLECTION
    module("BRepMesh").BRepMesh_IncrementalMesh(step.shape, deflection, False, ANGULAR_DEFLECTION_RAD, False)
    return {"read": (read - started) * 1e3, "tessellate": (perf_counter() - read) * 1e3}
