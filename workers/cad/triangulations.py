"""The kernel's triangulations as arrays: written by the kernel in its binary format, and read from there.

Asking it for every node and triangle by itself takes ten times as long.
"""

import os
import struct
from typing import Any

import numpy as np

from workers.cad.binding import module, static
from workers.cad.part import Floats, Ints

_SECTION = b"\nTriangulations "
_HEAD = struct.Struct("<ii??d")  # nodes, triangles, whether there are parameters, and normals; the deflection


def triangulations(faces: list[Any]) -> list[tuple[Floats, Ints]]:
    """((v, 3) nodes, (t, 3) 0-based corners) of each meshed face, neither placed nor turned as the face is.

    Nodes and corners are empty where a face has no triangulation.
    """
    location, find = module("TopLoc").TopLoc_Location(), static("BRep", "BRep_Tool", "Triangulation")
    found = [find(face, location) for face in faces]
    read = iter(_read(_written([each for each in found if each is not None])))
    return [(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int64)) if each is None else next(read) for each in found]


def _written(found: list[Any]) -> bytes:
    """The triangulations in the format of the kernel's BinTools, as faces without a surface."""
    builder, together = module("BRep").BRep_Builder(), module("TopoDS").TopoDS_Compound()
    builder.MakeCompound(together)
    for each in found:
        face = module("TopoDS").TopoDS_Face()
        builder.MakeFace(face, each.Copy())  # what two faces share would be written once
        builder.Add(together, face)
    memory = os.memfd_create("triangulations")
    with os.fdopen(memory, "rb") as file:
        static("BinTools", "BinTools", "Write")(together, f"/proc/self/fd/{memory}")
        return file.read()


def _read(content: bytes) -> list[tuple[Floats, Ints]]:
    at = content.index(_SECTION) + len(_SECTION)
    end = content.index(b"\n", at)
    count, at = int(content[at:end]), end + 1
    read = []
    for _ in range(count):
        nodes, triangles, parameters, normals, _deflection = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        points = np.frombuffer(content, "<f8", 3 * nodes, at).reshape(-1, 3)
        at += points.nbytes + 16 * nodes * parameters
        corners = np.frombuffer(content, "<i4", 3 * triangles, at).reshape(-1, 3)
        at += corners.nbytes + 12 * nodes * normals
        read.append((points, corners.astype(np.int64) - 1))
    return read
