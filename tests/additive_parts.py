"""Parts for additive processes, each with one thing of known size. Lengths in mm."""

from pathlib import Path

import trimesh

from tests.parts import Solid, block, cylinder
from workers.cad.read_file import read_file

PLATE = 3.0  # thickness of what stands below


def fin(thickness: float, height: float = 12.0) -> Solid:
    """A wall that stands free on a plate."""
    return block(60.0, 40.0, PLATE).join(block(thickness, 30.0, height, (30.0, 5.0, PLATE)))


def web(thickness: float) -> Solid:
    """A wall that two thick ones hold at both ends, free of the ground; as deep as they are."""
    ends = block(6.0, 20.0, 20.0), block(6.0, 20.0, 20.0, (34.0, 0.0, 0.0))
    return ends[0].join(ends[1], block(40.0, thickness, 20.0, (0.0, 10.0 - thickness / 2, 0.0)))


def tube(thickness: float, diameter: float = 30.0, height: float = 20.0) -> Solid:
    """A wall that closes in a ring."""
    inner = cylinder(diameter - 2 * thickness, height + 2, (0.0, 0.0, -1.0))
    return cylinder(diameter, height, (0.0, 0.0, 0.0)).cut(inner)


def sheet(thickness: float) -> Solid:
    """A plate, all of whose edges are free."""
    return block(40.0, 30.0, thickness)


def pin(diameter: float, length: float = 10.0) -> Solid:
    """A round pin on a plate."""
    return block(40.0, 30.0, PLATE).join(cylinder(diameter, length, (20.0, 15.0, PLATE)))


def hole(diameter: float) -> Solid:
    """A round hole through a plate."""
    return block(40.0, 30.0, PLATE).cut(cylinder(diameter, 20.0, (20.0, 15.0, -5.0)))


def slit(width: float, depth: float = 12.0) -> Solid:
    """A slit into a block, open at both ends."""
    return block(40.0, 30.0, 20.0).cut(block(width, 40.0, depth + 1, (20.0, -5.0, 20.0 - depth)))


def raised_stroke(width: float, height: float = 0.8) -> Solid:
    """A straight stroke that rises from a plate."""
    return block(40.0, 30.0, PLATE).join(block(width, 10.0, height, (20.0, 10.0, PLATE)))


def engraved_stroke(width: float, depth: float = 0.8) -> Solid:
    """A straight stroke that is sunk into a block."""
    return block(40.0, 30.0, 10.0).cut(block(width, 10.0, depth + 1, (20.0, 10.0, 10.0 - depth)))


def tee(arm: float, stem: float = 10.0, length: float = 20.0, height: float = 30.0) -> Solid:
    """A stem with an arm on either side at its top: each overhangs by `arm` × `length`."""
    top = block(stem + 2 * arm, length, 4.0, (-arm, 0.0, height))
    return block(stem, length, height).join(top)


def gallows(arm: float, length: float = 20.0, height: float = 30.0) -> Solid:
    """A wide stem with an arm on one side at its top."""
    return block(20.0, length, height).join(block(20.0 + arm, length, 4.0, (0.0, 0.0, height)))


def bridge(span: float, width: float = 20.0, height: float = 15.0) -> Solid:
    """Two blocks with a beam between their tops."""
    return block(span + 20.0, width, height + 5.0).cut(block(span, width + 2, height, (10.0, -1.0, 0.0)))


def hollow_box(*openings: float, side: float = 40.0, wall: float = 3.0) -> Solid:
    """A hollow cube with round openings of the given diameters in its top, in a row."""
    inner = side - 2 * wall
    box = block(side, side, side).cut(block(inner, inner, inner, (wall, wall, wall)))
    row = [(number + 1) * side / (len(openings) + 1) for number in range(len(openings))]
    tools = [
        cylinder(diameter, 2 * wall, (x, side / 2, side - 1.5 * wall))
        for x, diameter in zip(row, openings, strict=True)
    ]
    return box.cut(*tools)


def slotted_box(width: float, side: float = 40.0, wall: float = 3.0) -> Solid:
    """A hollow cube with a slot in its top, half as long as it."""
    return hollow_box(side=side, wall=wall).cut(
        block(side / 2, width, 2 * wall, (side / 4, (side - width) / 2, side - 1.5 * wall))
    )


def cup(side: float = 40.0, wall: float = 3.0) -> Solid:
    """A cube that is hollow and open at the top."""
    inner = side - 2 * wall
    return block(side, side, side).cut(block(inner, inner, side, (wall, wall, wall)))


def write_stl(solid: Solid, folder: Path) -> Path:
    """The solid as a binary STL of the engine's own tessellation; returns the path."""
    mesh = read_file(solid.write_step(folder / "exact.step"), "exact.step", lambda _stage: None).parts[0].mesh
    path = folder / "mesh.stl"
    path.write_bytes(bytes(trimesh.Trimesh(mesh.vertices, mesh.triangles).export(file_type="stl")))
    return path
