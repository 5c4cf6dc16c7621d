"""The least that any review costs: the kernel's bare read and tessellation, for benchmarks to compare with."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from workers.cad.binding import module
from workers.cad.read_solid import sane_diagonal
from workers.cad.tessellate import ANGULAR_DEFLECTION_RAD, RELATIVE_DEFLECTION


def read_and_tessellate(payload: dict[str, Any], report_stage: Callable[[str], None]) -> dict[str, float]:
    """Milliseconds for `read` and `tessellate` of the STEP file `payload["path"]`, and nothing else."""
    report_stage("read")
    started = perf_counter()
    reader = module("STEPControl").STEPControl_Reader()
    reader.ReadFile(payload["path"])
    reader.TransferRoots()
    shape = reader.OneShape()
    read = perf_counter()
    report_stage("tessellate")
    deflection = sane_diagonal(shape) * RELATIVE_DEFLECTION
    module("BRepMesh").BRepMesh_IncrementalMesh(shape, deflection, False, ANGULAR_DEFLECTION_RAD, False)
    return {"read": (read - started) * 1e3, "tessellate": (perf_counter() - read) * 1e3}
