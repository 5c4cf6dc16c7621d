"""A solid to be edited: the kernel's shape, and its faces and edges as arrays, numbered as in a review."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.cad.binding import downcast, module, new_shape_map, static
from workers.cad.edit.errors import EditError
from workers.cad.explore import explore
from workers.cad.part import Bend, Curve, Edges, Floats, Ints, Mesh, Surface
from workers.cad.solids import find_solids
from workers.cad.step import read_step
from workers.cad.tessellate import tessellate
from workers.cad.topology import FaceGeometry, read_topology

SAME_MM = 1e-4
SQUARE = 0.9999


@dataclass(frozen=True)
class Body:
    """One solid, in mm."""

    shape: Any
    faces: FaceGeometry
    edges: Edges

    @cached_property
    def edge_shapes(self) -> list[Any]:
        """The kernel's edges, in the order of `edges`."""
        found = new_shape_map()
        for face in self.faces.shapes:
            for wire in explore(face, "Wire"):
                for edge in explore(wire, "Edge"):
                    found.Add(edge)
        to_edge = downcast("Edge")
        return [to_edge(found.FindKey(number)) for number in range(1, found.Size() + 1)]

    @cached_property
    def volume(self) -> float:
        """mm3."""
        return volume_of(self.shape)

    def volume_about(self, place: Floats) -> float:
        """mm3, summed over the faces as seen from `place` (3,): free-form faces far off are measured inexactly, but
        alike in two solids that both have them, so that the difference near `place` is right."""
        integrals = module("BRepGProp")
        about = module("gp").gp_Pnt(*place.tolist())
        measured = (
            integrals.BRepGProp_Vinert(integrals.BRepGProp_Face(face), integrals.BRepGProp_Domain(face), about)
            for face in self.faces.shapes
        )
        return float(sum(face.Mass() for face in measured))

    @cached_property
    def mesh(self) -> Mesh:
        """Triangles of a copy, so that the solid itself carries none."""
        copy = module("BRepBuilderAPI").BRepBuilderAPI_Copy(self.shape).Shape()
        low, high = self.edge_boxes
        return tessellate(copy, explore(copy, "Face"), float(np.linalg.norm(high.max(axis=0) - low.min(axis=0))))

    @cached_property
    def areas(self) -> Floats:
        """(n,) mm2 of each face, from its exact surface."""
        measure = static("BRepGProp", "BRepGProp", "SurfaceProperties")
        areas = []
        for face in self.faces.shapes:
            properties = module("GProp").GProp_GProps()
            measure(face, properties)
            areas.append(properties.Mass())
        return np.array(areas, dtype=float)

    @cached_property
    def edges_of_face(self) -> list[list[int]]:
        """Per face, the edges of all its wires."""
        return [[edge for loop in loops for edge in loop] for loops in self.faces.loops]

    @cached_property
    def edge_boxes(self) -> tuple[Floats, Floats]:
        """((m, 3), (m, 3)) lower and upper corners around each edge, mm; a free-form one's ends and middle."""
        edges = self.edges
        points = np.stack([edges.start, edges.middle, edges.end])
        low, high = points.min(axis=0), points.max(axis=0)
        arcs = np.flatnonzero((edges.kind == Curve.CIRCLE) & (edges.radius > 0))
        for turn in (0.0, np.pi):
            extremes, on_arc = self._extremes_of_arcs(arcs, turn)
            low[arcs] = np.where(on_arc, np.minimum(low[arcs], extremes), low[arcs])
            high[arcs] = np.where(on_arc, np.maximum(high[arcs], extremes), high[arcs])
        return low, high

    def _extremes_of_arcs(self, arcs: Ints, turn: float) -> tuple[Floats, NDArray[np.bool_]]:
        """((k, 3) coordinate, (k, 3) whether it is on the arc) where a circle runs along each plane of the axes."""
        edges = self.edges
        radius = edges.radius[arcs][:, None]
        outward, ahead = (edges.middle[arcs] - edges.centre[arcs]) / radius, edges.tangent[arcs]
        angle = np.arctan2(ahead, outward) + turn
        angle = (angle + np.pi) % (2 * np.pi) - np.pi
        on_arc = np.abs(angle) <= edges.length[arcs][:, None] / (2 * radius) + 1e-9
        return edges.centre[arcs] + radius * (np.cos(angle) * outward + np.sin(angle) * ahead), on_arc

    def box_of_edges(self, edges: list[int]) -> tuple[Floats, Floats]:
        """((3,), (3,)) corners of the box around some edges, mm."""
        low, high = self.edge_boxes
        return low[edges].min(axis=0), high[edges].max(axis=0)

    def box_of_faces(self, faces: list[int]) -> tuple[Floats, Floats]:
        """((3,), (3,)) corners of the box around the borders of some faces, mm."""
        return self.box_of_edges(sorted({edge for face in faces for edge in self.edges_of_face[face]}))

    def gap_to_curves(self, place: Floats) -> float:
        """mm from `place` to the nearest edge that is neither a line nor an arc, infinite if there is none."""
        vertex = module("BRepBuilderAPI").BRepBuilderAPI_MakeVertex(module("gp").gp_Pnt(*place.tolist())).Vertex()
        measure = module("BRepExtrema").BRepExtrema_DistShapeShape
        edges = self.edges
        known = np.stack([edges.start, edges.middle, edges.end])
        # No point of a curve is farther than half of its length from all of these.
        near = np.linalg.norm(known - place, axis=2).min(axis=0) < edges.length / 2 + 1.0
        curves = np.flatnonzero(near & (edges.kind == Curve.OTHER) & (edges.length > SAME_MM))
        gaps = (measure(vertex, self.edge_shapes[curve]) for curve in curves.tolist())
        return min((float(gap.Value()) for gap in gaps if gap.IsDone()), default=float("inf"))

    def foot_of_axis(self, face: int) -> Floats:
        """(3,) the point of a round face's axis that is level with the origin."""
        axis, origin = self.faces.axis[face], self.faces.origin[face]
        return np.asarray(origin - (origin @ axis) * axis)

    def neighbours(self, face: int) -> list[tuple[int, int]]:
        """(edge, other face) around `face`, seams and open borders left out."""
        pairs = [(edge, self.edges.faces[edge]) for edge in self.edges_of_face[face]]
        across = [(edge, int(pair[1] if pair[0] == face else pair[0])) for edge, pair in pairs]
        return [(edge, other) for edge, other in across if other not in (-1, face)]

    def extent(self, faces: list[int], direction: Floats) -> tuple[float, float]:
        """(least, greatest) coordinate of the borders of `faces` along a unit `direction`, mm."""
        edges = sorted({edge for face in faces for edge in self.edges_of_face[face]})
        points = np.concatenate([self.edges.start[edges], self.edges.middle[edges], self.edges.end[edges]])
        heights = points @ direction
        return float(heights.min()), float(heights.max())

    def sharp_edges(self, bend: Bend) -> Ints:
        """The numbers of the edges that are sharp on one side."""
        return np.flatnonzero(self.edges.bend == bend)

    def planes_at(self, normal: Floats, point: Floats) -> list[int]:
        """The faces in the plane through `point` that look along the unit `normal`."""
        faces = self.faces
        flat = (faces.kind == Surface.PLANE) & (faces.axis @ normal > SQUARE)
        level = np.abs((faces.origin - point) @ normal) < SAME_MM
        return np.flatnonzero(flat & level).tolist()


def volume_of(shape: Any) -> float:  # noqa: ANN401
    """mm3 of the solids in a shape."""
    properties = module("GProp").GProp_GProps()
    static("BRepGProp", "BRepGProp", "VolumeProperties")(shape, properties)
    return float(properties.Mass())


def body_of(shape: Any) -> Body:  # noqa: ANN401
    """The one solid in `shape`. Raises EditError if there is none, or more than one."""
    if shape is None or shape.IsNull():
        raise EditError("the kernel gave no shape")
    solids = find_solids(shape).solids
    if len(solids) != 1:
        raise EditError(f"there are {len(solids)} solids, not one")
    faces, edges, _written = read_topology(solids[0].shape)
    return Body(solids[0].shape, faces, edges)


def read_body(path: Path) -> Body:
    """The one solid in the STEP file at `path`. Raises PartError, and EditError if there is not one solid in it."""
    return body_of(read_step(path).shape)
