"""Whether the kernel works at all: asked by the worker in a sandbox child, reported by /readyz."""

from collections.abc import Callable
from typing import Any

from workers.cad.binding import kernel_name_and_version, module


def kernel_version(payload: dict[str, Any], report_stage: Callable[[str], None]) -> dict[str, str]:  # noqa: ARG001
    """Build a solid to prove that the kernel computes, and return its `kernel` name and `version`."""
    report_stage("kernel")
    module("BRepPrimAPI").BRepPrimAPI_MakeBox(1.0, 1.0, 1.0).Shape()
    name, version = kernel_name_and_version()
    return {"kernel": name, "version": version}
