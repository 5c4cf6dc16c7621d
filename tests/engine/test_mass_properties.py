"""Volume, area, centre and inertia in closed form, held against the kernel's own integration."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from workers.cad import mass_properties
from workers.cad.binding import module, static
from workers.cad.mass_properties import moments_of_solid
from workers.cad.topology import read_topology

Solid = Any


def _axis(x: float, y: float, z: float, along: tuple[float, float, float] = (0, 0, 1)) -> Any:  # noqa: ANN401
    gp = module("gp")
    return gp.gp_Ax2(gp.gp_Pnt(x, y, z), gp.gp_Dir(*along))


def _made(kind: str, *arguments: Any) -> Solid:  # noqa: ANN401
    return getattr(module("BRepPrimAPI"), f"BRepPrimAPI_Make{kind}")(*arguments).Solid()


def _cut(solid: Solid, *tools: Solid) -> Solid:
    for tool in tools:
        solid = module("BRepAlgoAPI").BRepAlgoAPI_Cut(solid, tool).Shape()
    return solid


def _block() -> Solid:
    return _made("Box", module("gp").gp_Pnt(-3, 2, 1), 40.0, 30.0, 20.0)


def _drilled() -> Solid:
    """With a countersunk hole square to a face, a lying one, and a slanted pocket's worth of a rounded slot."""
    return _cut(
        _block(),
        _made("Cylinder", _axis(10, 12, 0), 4.0, 30.0),
        _made("Cone", _axis(10, 12, 16), 4.0, 9.0, 5.0),
        _made("Cylinder", _axis(25, 0, 11, (0, 1, 0)), 3.0, 15.0),
    )


def _pieces_of_round_faces() -> Solid:
    return _cut(
        _made("Cylinder", _axis(5, 5, 5, (1, 2, 3)), 20.0, 30.0, 4.0), _made("Cone", _axis(5, 5, 5), 9.0, 0.0, 12.0)
    )


def _pointed() -> Solid:
    return _made("Cone", _axis(1, 2, 3, (0, 1, 1)), 7.0, 0.0, 12.0)


def _crossed() -> Solid:
    """Holes that cross: cylinders between curves that are neither lines nor circles, and a ball."""
    return _cut(
        _drilled(), _made("Cylinder", _axis(10, 0, 11, (0, 1, 0)), 2.0, 40.0), _made("Sphere", _axis(30, 20, 21), 6.0)
    )


def _far_away() -> Solid:
    gp = module("gp")
    move = gp.gp_Trsf()
    move.SetTranslation(gp.gp_Vec(2e4, -3e4, 1e4))
    return module("BRepBuilderAPI").BRepBuilderAPI_Transform(_drilled(), move, True).Shape()


def _mirrored() -> Solid:
    gp = module("gp")
    move = gp.gp_Trsf()
    move.SetMirror(_axis(1, 2, 3, (1, 1, 0)))
    return module("BRepBuilderAPI").BRepBuilderAPI_Transform(_drilled(), move, True).Shape()


def _inside_out() -> Solid:
    return _drilled().Reversed()


def _of_the_kernel(solid: Solid) -> tuple[float, float, Any, Any]:
    inside, skin = module("GProp").GProp_GProps(), module("GProp").GProp_GProps()
    static("BRepGProp", "BRepGProp", "VolumeProperties")(solid, inside)
    static("BRepGProp", "BRepGProp", "SurfaceProperties")(solid, skin)
    centre, matrix = inside.CentreOfMass(), inside.MatrixOfInertia()
    inertia = [[matrix.Value(i, j) for j in (1, 2, 3)] for i in (1, 2, 3)]
    return inside.Mass(), skin.Mass(), [centre.X(), centre.Y(), centre.Z()], inertia


SOLIDS = [_block, _drilled, _pieces_of_round_faces, _pointed, _crossed, _far_away, _mirrored, _inside_out]


@pytest.mark.parametrize("make", SOLIDS)
def test_is_what_the_kernel_integrates(make: Callable[[], Solid]) -> None:
    solid = make()
    volume, area, centre, inertia = _of_the_kernel(solid)
    found = moments_of_solid(*read_topology(solid))
    assert found.volume == pytest.approx(volume, rel=1e-9)
    assert found.area == pytest.approx(area, rel=1e-9)
    assert found.centre == pytest.approx(np.array(centre), rel=1e-9, abs=1e-8)
    assert found.inertia == pytest.approx(np.array(inertia), rel=1e-8, abs=1e-8 * np.abs(inertia).max())


@pytest.mark.parametrize("make", [_block, _drilled, _pointed, _far_away, _mirrored])
def test_leaves_nothing_of_planes_cylinders_and_cones_to_the_kernel(
    make: Callable[[], Solid], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mass_properties, "_by_the_kernel", None)
    assert moments_of_solid(*read_topology(make())).volume > 0


def test_a_cone_is_a_third_of_its_cylinder() -> None:
    found = moments_of_solid(*read_topology(_pointed()))
    assert found.volume == pytest.approx(np.pi * 7**2 * 12 / 3, rel=1e-12)
    assert found.area == pytest.approx(np.pi * 7 * (7 + np.hypot(7, 12)), rel=1e-12)
    assert found.centre == pytest.approx(np.array([1, 2, 3]) + 3 * np.array([0, 1, 1]) / np.sqrt(2), rel=1e-12)


def test_is_taken_from_the_same_point_as_the_kernel_takes_it_where_a_face_is_missing() -> None:
    """An open skin encloses a volume only with some point: results must not depend on who integrated which face."""
    faces = module("TopExp").TopExp_Explorer(_crossed(), module("TopAbs").TopAbs_ShapeEnum.TopAbs_FACE)
    builder, open_skin = module("BRep").BRep_Builder(), module("TopoDS").TopoDS_Compound()
    builder.MakeCompound(open_skin)
    faces.Next()
    while faces.More():
        builder.Add(open_skin, faces.Current())
        faces.Next()
    volume = _of_the_kernel(open_skin)[0]
    assert moments_of_solid(*read_topology(open_skin)).volume == pytest.approx(volume, rel=1e-9)
