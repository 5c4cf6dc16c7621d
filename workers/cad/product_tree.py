"""The tree of products in a document of the kernel's extended data exchange (XCAF)."""

from typing import Any

from workers.cad.binding import enum_value, label_name, module, new_label_sequence, static, wide_text
from workers.cad.placement import placement_of
from workers.cad.shape_file import NamedShape

_KINDS_OF_SHAPE = ("COMPOUND", "COMPSOLID", "SOLID", "SHELL", "FACE", "ASSEMBLY")


def new_document() -> Any:  # noqa: ANN401
    """An empty document."""
    document = module("TDocStd").TDocStd_Document(wide_text("BinXCAF"))
    static("XCAFApp", "XCAFApp_Application", "GetApplication")().InitDocument(document)
    return document


def product_tree(document: Any) -> list[NamedShape]:  # noqa: ANN401
    """The products that no other contains, each with its components."""
    shapes = static("XCAFDoc", "XCAFDoc_DocumentTool", "ShapeTool")(document.Main())
    colours = static("XCAFDoc", "XCAFDoc_DocumentTool", "ColorTool")(document.Main())
    roots = new_label_sequence()
    shapes.GetFreeShapes(roots)
    nowhere = module("TopLoc").TopLoc_Location()
    return [_node(roots.Value(i), nowhere, colours) for i in range(1, roots.Length() + 1)]


def _node(label: Any, parent: Any, colours: Any) -> NamedShape:  # noqa: ANN401
    """The component at `label`, which lies within what `parent` has placed."""
    product = module("TDF").TDF_Label()
    if not _of_shape("GetReferredShape")(label, product):
        product = label
    location = parent.Multiplied(_of_shape("GetLocation")(label))
    components = new_label_sequence()
    _of_shape("GetComponents")(product, components, False)
    shape = _of_shape("GetShape")(product)
    return NamedShape(
        name=_given_name(product),
        colour=_colour(label, product, shape, colours),
        placement=placement_of(location),
        shape=shape.Moved(location),
        children=[_node(components.Value(i), location, colours) for i in range(1, components.Length() + 1)],
    )


def _given_name(product: Any) -> str:  # noqa: ANN401
    """The product's name, "" where it is only the kind of shape, as the reader names what has none."""
    name = label_name(product)
    return "" if name in _KINDS_OF_SHAPE else name


def _of_shape(function: str) -> Any:  # noqa: ANN401
    return static("XCAFDoc", "XCAFDoc_ShapeTool", function)


def _colour(label: Any, product: Any, shape: Any, colours: Any) -> str | None:  # noqa: ANN401
    """That of this occurrence, else of its product, else of the shape itself."""
    colour = module("Quantity").Quantity_Color()
    of_label = static("XCAFDoc", "XCAFDoc_ColorTool", "GetColor")
    kinds = [enum_value("XCAFDoc", "XCAFDoc_ColorType", f"XCAFDoc_Color{kind}") for kind in ("Surf", "Gen")]
    for kind in kinds:
        if of_label(label, kind, colour) or of_label(product, kind, colour) or colours.GetColor(shape, kind, colour):
            return str(static("Quantity", "Quantity_Color", "ColorToHex")(colour).ToCString()).lower()
    return None
