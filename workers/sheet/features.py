"""The features of a sheet metal part, with their sizes."""

import math
from collections.abc import Iterable

import numpy as np
from shapely import Point

from workers.cad.part import Floats, Part
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.features.plan import plan_size
from workers.sheet.edge_shapes import EdgeShape, edge_shapes
from workers.sheet.laid import Laid
from workers.sheet.layout import Beyond
from workers.sheet.openings import Opening
from workers.sheet.reliefs import Relief
from workers.sheet.segments import Segment
from workers.sheet.sheet import BRIDGE, Left, Sheet

OPENING_TYPES = {"hole": "through_hole", "extruded_hole": "extruded_hole", "slot": "slot", "cutout": "cutout"}
ROUND_END = 0.2  # of a relief's width that a round end reaches beyond where its depth is measured
TYPES = {"flange": "flange", "hem": "hem", "curl": "curl", "rolled edge": "curl"}


def features_of(graph: FaceGraph, laid: Laid) -> list[Feature]:
    """Bends, what hangs on them, openings and formed places, numbered in the order of their first face."""
    part, sheet = graph.part, laid.sheet
    found = [_bend(part, sheet, one) for one in laid.bends]
    found += [_end(part, sheet, one) for one in laid.bends if one.kind in TYPES and one.flats]
    found += [_opening(part, sheet, opening) for opening in laid.openings if opening.faces]
    found += [_formed(graph, sheet, left) for left in sheet.left if left.is_form]
    reliefs = _reliefs(part, laid)
    relieved = {face for relief in reliefs for face in relief.faces}
    shapes = [_edge_shape(part, sheet, one) for one in edge_shapes(laid.pattern.outline)]
    found += [*reliefs, *(shape for shape in shapes if shape is not None and relieved.isdisjoint(shape.faces))]
    found.sort(key=lambda feature: (min(feature.faces), feature.type))
    for number, feature in enumerate(found):
        feature.id = f"F{number + 1}"
        feature.size = {name: round(value, 6) + 0.0 for name, value in feature.size.items()}
    return found


def faces_of_bend(sheet: Sheet, one: Beyond) -> list[int]:
    """Both sides of a bend; of one that is drawn sharp, the flats that meet there."""
    own = one.bend.bend.faces or list(sheet.sides[one.bend.bend.edge])
    if one.bend.bend.edge >= 0:
        return sorted(own)
    return sorted({*own, *(other for face in own for other in sheet.skins.partner.get(face, []))})


def _bend(part: Part, sheet: Sheet, one: Beyond) -> Feature:
    faces, bend = faces_of_bend(sheet, one), one.bend
    size = {"angle": bend.angle, "radius": bend.bend.radius, "length": bend.length}
    if bend.bend.edge >= 0:
        axis, point = part.edges.tangent[bend.bend.edge], part.edges.middle[bend.bend.edge]
    else:
        axis, point = part.faces.axis[bend.bend.faces[0]], part.faces.point[bend.bend.faces[0]]
    kind = "curl" if one.kind in ("curl", "rolled edge") else "bend"
    return Feature(kind, faces, 0, axis=axis, size=size, point=point)


def _end(part: Part, sheet: Sheet, one: Beyond) -> Feature:
    """A flange or a hem: the flat beyond a bend, both sides of it."""
    own = one.flats[0]
    faces = sorted({*own, *(other for face in own for other in sheet.skins.partner.get(face, []))})
    size = {
        "length": one.reach,
        "width": one.bend.length,
        "height": outer_height(one, sheet.thickness),
        "angle": one.bend.angle,
        "radius": one.bend.bend.radius,
    }
    return Feature(
        TYPES[one.kind], faces, 0, direction=part.faces.axis[own[0]], size=size, point=part.faces.point[own[0]]
    )


def outer_height(one: Beyond, thickness: float) -> float:
    """mm of a flange from its end to where its outside would meet the base's, as it is measured; of 90° and more
    to the outermost of the bend."""
    outer = one.bend.bend.radius + thickness
    return one.reach + outer * math.tan(math.radians(min(one.bend.angle, 90.0)) / 2)


def _opening(part: Part, sheet: Sheet, opening: Opening) -> Feature:
    size = {"length": opening.length, "width": opening.width, "depth": sheet.thickness}
    kind = OPENING_TYPES[opening.kind]
    if opening.is_round:
        size = {"diameter": opening.width, "depth": sheet.thickness}
    if opening.countersink is not None:
        kind = "countersink"
        sink = opening.countersink
        size |= {"head_diameter": sink.diameter, "sink_depth": sink.depth, "angle": sink.angle}
    face = opening.loop[0].face
    normal = part.faces.axis[face] if sheet.charts[face].is_flat else None
    point = part.edges.middle[opening.loop[0].edges[0]] if opening.loop[0].edges else part.faces.point[face]
    if opening.is_round and opening.loop[0].edges:
        point = part.edges.centre[opening.loop[0].edges[0]]
    return Feature(kind, opening.faces, 0, axis=normal, direction=normal, size=size, point=np.asarray(point))


def _reliefs(part: Part, laid: Laid) -> list[Feature]:
    """One that two bends share is one."""
    found: dict[tuple[int, ...], Feature] = {}
    for relief in laid.reliefs:
        faces = _cut_faces(laid.sheet, _along_relief(laid, relief))
        if faces:
            size = {"width": relief.width, "depth": relief.depth}
            found.setdefault(tuple(faces), Feature("relief", faces, 0, size=size, point=part.faces.point[faces[0]]))
    return list(found.values())


def _along_relief(laid: Laid, relief: Relief) -> list[Segment]:
    """What a relief is cut along, but for what it has in common with the flange's side."""
    if relief.place is None:
        return []
    around = relief.place.buffer(ROUND_END * relief.width)
    return [segment for segment in laid.pattern.outline if around.contains(Point(_middle(segment)))]


def _middle(segment: Segment) -> Floats:
    chords = segment.as_chords()
    return np.asarray((chords[(len(chords) - 1) // 2] + chords[len(chords) // 2]) / 2)


def _cut_faces(sheet: Sheet, segments: Iterable[Segment]) -> list[int]:
    """The cut faces that segments of the pattern are borders of."""
    edges = {edge for segment in segments for edge in segment.edges}
    return sorted({face for edge in edges for face in sheet.sides[edge]} - set(sheet.charts))


def _edge_shape(part: Part, sheet: Sheet, shape: EdgeShape) -> Feature | None:
    """A notch or a tab; None of what is bent: that is a flange."""
    if shape.kind == "tab" and any(not sheet.charts[s.face].is_flat for s in shape.segments if s.face in sheet.charts):
        return None
    faces = _cut_faces(sheet, shape.segments)
    if not faces:
        return None
    size = {"width": shape.width, "depth": shape.depth}
    return Feature(shape.kind, faces, 0, size=size, point=part.faces.point[faces[0]])


def _formed(graph: FaceGraph, sheet: Sheet, left: Left) -> Feature:
    """What is stretched out of the sheet: a bridge, a louvre, which is cut free at a side, else an emboss."""
    part, faces, pairs = graph.part, left.faces, graph.edges.faces
    touched = set(pairs[np.isin(pairs, faces).any(axis=1)].ravel().tolist())
    kind = "bridge" if left.reason == BRIDGE else "emboss" if touched.isdisjoint(sheet.skins.cut) else "louvre"
    both = sorted({*faces, *(other for face in faces for other in sheet.skins.partner.get(face, []))})
    beside = {face for pair in sheet.sides.values() if not set(faces).isdisjoint(pair) for face in pair} - set(faces)
    flats = [face for face in beside if face in sheet.charts and sheet.charts[face].is_flat]
    around = max(flats, key=lambda face: (round(float(part.faces.area[face]), 6), -face), default=sheet.skins.base)
    normal = part.faces.axis[around]
    vertices = part.mesh.vertices[np.unique(part.mesh.triangles[np.isin(part.mesh.face, faces)])]
    length, width = plan_size(graph, faces, normal)
    return Feature(
        kind, both, 0, direction=normal,
        size={"height": float(np.ptp(vertices @ normal)), "length": length, "width": width},
        point=part.faces.point[faces[0]],
    )  # fmt: skip
