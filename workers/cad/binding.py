"""One set of names for both OpenCascade bindings, pythonocc-core (OCC.Core) and cadquery-ocp (OCP).

The setting RAPIDDRAFT_KERNEL forces one; by default OCC.Core is used where it imports, else OCP.
"""

import importlib
from functools import cache
from types import ModuleType
from typing import Any

from server.settings import get_settings


def _choose() -> str:
    """The package that holds the kernel. Raises ImportError naming what was tried and what to do."""
    wanted = get_settings().kernel
    packages = {"occ": ["OCC.Core"], "ocp": ["OCP"], "auto": ["OCC.Core", "OCP"]}[wanted]
    for package in packages:
        try:
            importlib.import_module(f"{package}.TopoDS")
        except ImportError:
            continue
        return package
    raise ImportError(
        f"No OpenCascade binding could be imported (RAPIDDRAFT_KERNEL={wanted}, tried {', '.join(packages)}). "
        "Install cadquery-ocp-novtk (as requirements.txt does) or pythonocc-core."
    )


PACKAGE = _choose()
IS_OCP = PACKAGE == "OCP"


@cache
def module(name: str) -> ModuleType:
    """The binding's module for one OpenCascade package, such as `gp`."""
    return importlib.import_module(f"{PACKAGE}.{name}")


@cache
def static(package: str, owner: str, function: str) -> Any:  # noqa: ANN401 - a kernel function
    """A static method: `Owner.function_s` in OCP, `Owner.function` or a lower-case module object in OCC.Core."""
    holder = module(package)
    if IS_OCP:
        return getattr(getattr(holder, owner), f"{function}_s")
    lower = getattr(holder, owner.lower(), None)
    if lower is not None and hasattr(lower, function):
        return getattr(lower, function)
    return getattr(getattr(holder, owner), function)


@cache
def enum_value(package: str, enum: str, name: str) -> Any:  # noqa: ANN401 - enum objects in OCP, ints in OCC
    """The member `name` of an OpenCascade enumeration."""
    holder = module(package)
    return getattr(getattr(holder, enum), name) if IS_OCP else getattr(holder, name)


@cache
def downcast(kind: str) -> Any:  # noqa: ANN401
    """The function that turns a TopoDS_Shape into a TopoDS_`kind` (`Face`, `Edge`, …)."""
    topods = module("TopoDS")
    return getattr(topods.TopoDS, kind) if IS_OCP else getattr(topods.topods, kind)


def curve_on_surface(edge: Any, face: Any, first: float, last: float) -> Any:  # noqa: ANN401
    """The edge's curve in the parameters of the face, or None; OCC.Core returns the range as well."""
    find = static("BRep", "BRep_Tool", "CurveOnSurface")
    return find(edge, face, first, last) if IS_OCP else find(edge, face)[0]


def new_shape_map() -> Any:  # noqa: ANN401
    """An empty indexed map of shapes, keyed by `IsSame`."""
    if IS_OCP:
        return module("collections").IndexedMap_TopoDS_Shape_TopTools_ShapeMapHasher()
    return module("TopTools").TopTools_IndexedMapOfShape()


def new_text_sequence() -> Any:  # noqa: ANN401
    """An empty sequence of ASCII strings."""
    if IS_OCP:
        return module("collections").Sequence_TCollection_AsciiString()
    return module("TColStd").TColStd_SequenceOfAsciiString()


def wide_text(text: str) -> Any:  # noqa: ANN401
    """`text` as an argument for a TCollection_ExtendedString; OCC.Core converts by itself, and aborts on one."""
    return module("TCollection").TCollection_ExtendedString(text, True) if IS_OCP else text


def new_label_sequence() -> Any:  # noqa: ANN401
    """An empty sequence of document labels."""
    return module("collections").Sequence_TDF_Label() if IS_OCP else module("TDF").TDF_LabelSequence()


def label_name(label: Any) -> str:  # noqa: ANN401
    """The name kept at a document's label, "" if there is none; OCC.Core cannot fill in the attribute."""
    if not IS_OCP:
        return str(label.GetLabelName() or "")
    name = module("TDataStd").TDataStd_Name()
    found = label.FindAttribute(static("TDataStd", "TDataStd_Name", "GetID")(), name)
    return str(name.Get().ToExtString()) if found else ""


@cache
def kernel_name_and_version() -> tuple[str, str]:
    """The binding's name and its version, as the package metadata has it."""
    from importlib.metadata import PackageNotFoundError, version

    name, distributions = (
        ("OCP", ["cadquery-ocp-novtk", "cadquery-ocp"])
        if IS_OCP
        else ("OCC.Core", ["pythonocc-core", "pythonocc-core-wheels"])
    )
    for distribution in distributions:
        try:
            return name, version(distribution)
        except PackageNotFoundError:
            continue
    return name, str(getattr(importlib.import_module(PACKAGE.split(".")[0]), "VERSION", "unknown"))
