"""Assemblies built by code: products with names and colours, placed in each other, written as STEP."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.parts import UP, Solid, Vector
from workers.cad.binding import enum_value, module, static, wide_text

Colour = tuple[float, float, float]  # red, green, blue in linear light


@dataclass(frozen=True)
class Product:
    """What is made once and may be placed often: a solid, or other products in their places."""

    name: str
    solid: Solid | None = None
    components: Sequence["Placed"] = ()
    colour: Colour | None = None


@dataclass(frozen=True)
class Placed:
    """A product turned about an axis through its origin, then shifted."""

    product: Product
    by: Vector = (0.0, 0.0, 0.0)
    axis: Vector = UP
    degrees: float = 0.0
    colour: Colour | None = None

    @property
    def location(self) -> Any:  # noqa: ANN401
        """The kernel's location."""
        gp = module("gp")
        move = gp.gp_Trsf()
        move.SetRotation(gp.gp_Ax1(gp.gp_Pnt(0.0, 0.0, 0.0), gp.gp_Dir(*self.axis)), math.radians(self.degrees))
        move.SetTranslationPart(gp.gp_Vec(*self.by))
        return module("TopLoc").TopLoc_Location(move)


def write_assembly(product: Product, path: Path, schema: str = "AP214IS") -> Path:
    """Write `product` as STEP in `AP203`, `AP214IS` or `AP242DIS`; returns the path."""
    document = module("TDocStd").TDocStd_Document(wide_text("BinXCAF"))
    static("XCAFApp", "XCAFApp_Application", "GetApplication")().InitDocument(document)
    builder = _Builder(document)
    builder.add(product)
    builder.shapes.UpdateAssemblies()
    static("Interface", "Interface_Static", "SetCVal")("write.step.schema", schema)
    writer = module("STEPCAFControl").STEPCAFControl_Writer()
    writer.Transfer(document, enum_value("STEPControl", "STEPControl_StepModelType", "STEPControl_AsIs"))
    writer.Write(str(path))
    static("Interface", "Interface_Static", "SetCVal")("write.step.schema", "AP214IS")
    return path


def mirrored_pair(solid: Solid) -> Any:  # noqa: ANN401
    """A compound of a solid and the same solid mirrored at x = 0 by its placement, which STEP cannot write."""
    gp = module("gp")
    mirror = gp.gp_Trsf()
    mirror.SetMirror(gp.gp_Ax2(gp.gp_Pnt(0.0, 0.0, 0.0), gp.gp_Dir(1.0, 0.0, 0.0)))
    twin = solid.shape.Located(module("TopLoc").TopLoc_Location(mirror), False).Reversed()
    return compound(solid.shape, twin)


def compound(*shapes: Any) -> Any:  # noqa: ANN401
    """Shapes side by side."""
    builder, whole = module("BRep").BRep_Builder(), module("TopoDS").TopoDS_Compound()
    builder.MakeCompound(whole)
    for shape in shapes:
        builder.Add(whole, shape)
    return whole


@dataclass
class _Builder:
    document: Any
    shapes: Any = field(init=False)
    colours: Any = field(init=False)
    labels: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tools = self.document.Main()
        self.shapes = static("XCAFDoc", "XCAFDoc_DocumentTool", "ShapeTool")(tools)
        self.colours = static("XCAFDoc", "XCAFDoc_DocumentTool", "ColorTool")(tools)

    def add(self, product: Product) -> Any:  # noqa: ANN401
        """The label of `product`, made when it is first asked for."""
        if product.name in self.labels:
            return self.labels[product.name]
        label = self.shapes.NewShape() if product.solid is None else self.shapes.AddShape(product.solid.shape, False)
        self.labels[product.name] = label
        static("TDataStd", "TDataStd_Name", "Set")(label, wide_text(product.name))
        self._paint(label, product.colour)
        for placed in product.components:
            self._paint(self.shapes.AddComponent(label, self.add(placed.product), placed.location), placed.colour)
        return label

    def _paint(self, label: Any, colour: Colour | None) -> None:  # noqa: ANN401
        if colour is not None:
            rgb = enum_value("Quantity", "Quantity_TypeOfColor", "Quantity_TOC_RGB")
            paint = module("Quantity").Quantity_Color(*colour, rgb)
            self.colours.SetColor(label, paint, enum_value("XCAFDoc", "XCAFDoc_ColorType", "XCAFDoc_ColorSurf"))
