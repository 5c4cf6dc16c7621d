"""Pictures of a part and of what was found on it, as PNG. The same review gives the same bytes."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from workers.cad.part import Floats, Ints
from workers.report.render import NOTHING, Mask, Pixels, Shot, Singles, border_between, paint, shoot
from workers.report.scene import Scene
from workers.report.views import DIRECTIONS, Samples, View, are_seen, best_direction, overview

Finding = dict[str, Any]

WIDTH, HEIGHT = 420, 315
ASPECT = WIDTH / HEIGHT
COVER = (840, 560)
GAP = 12

SEVERITIES = ("critical", "major", "minor", "info")
COLOURS = {"critical": "#c8102e", "major": "#e8590c", "minor": "#dba400", "info": "#2b7de9"}
_PART = (0.80, 0.84, 0.88)
# A part that is looked through is paler than what is inside of it.
_PALE = (0.90, 0.92, 0.94)

# Shares of the part's diagonal: a close-up is never of less, and where the faces are larger, it is around the point.
_LEAST_CLOSE_UP, _MOST_CLOSE_UP = 0.035, 0.20
# An overview that shows hardly more than the close-up is left out.
_WORTH_A_CLOSE_UP = 0.55
# A finding of which less is seen from anywhere is shown through the part.
_HIDDEN = 0.04
_RING, _SMALL_RING = 13, 8
# Pixels: in an overview of many findings, those that are no longer, or a strip that is no wider, have a ring: of what
# is that narrow its own borders leave hardly a pixel.
_OVERLOOKED, _NARROW = 14, 3
_FILLED = 0.93
# Points to be seen: of all findings of a picture, and of each of very many.
_MOST_SAMPLES, _LEAST_SAMPLES = 120, 4


@dataclass(frozen=True)
class Picture:
    """A picture, and what has to be said of it."""

    png: bytes
    width: int
    height: int
    note: str = ""


class Painter:
    """Takes the pictures of one file."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene  # what it takes pictures of
        self._shots: dict[bytes, Shot] = {}
        self._faces = max(int(scene.mesh.face.max()) + 2, 1)

    def cover(self, findings: list[Finding]) -> Picture:
        """The whole part, each face in the colour of the gravest finding on it that is more than a remark."""
        grave = [finding for finding in findings if finding["severity"] != "info"]
        width, height = COVER
        view = overview(self.scene, DIRECTIONS[0], width / height)
        shot = shoot(self.scene, view, width, height)
        return picture_of([image_of(paint(shot, self._coloured(grave), *self._edges(shot, grave)))])

    def all_of(self, findings: list[Finding]) -> Picture:
        """The whole part with all of the findings, from where most of them are seen."""
        samples = self._samples(findings)
        towards, share = best_direction(self.scene, samples)
        shot, view = self._overview(towards)
        image = image_of(paint(shot, self._coloured(findings), *self._edges(shot, findings)))
        for finding in findings:
            self._ring_if_small(image, shot, view, finding)
        picture = picture_of([image])
        return picture if share > 0.98 else _with_note(picture, "Some of them are on the far side.")

    def one(self, finding: Finding) -> Picture:
        """The finding on the part, with a close-up beside it where it is small."""
        point, normal = _vector(finding.get("point")), _vector(finding.get("normal"))
        faces = finding["faces"]
        towards, share = best_direction(self.scene, self._samples([finding]), normal)
        shot, view = self._overview(towards)
        # A face that is too thin to have triangles shows through nothing.
        hidden = share < _HIDDEN and bool(np.isin(faces, self.scene.mesh.face).any())
        note = "It is inside of the part, or behind other faces, and shown through them." if hidden else ""
        close = self._close_up(view, finding, point)
        if close is None:
            return _with_note(picture_of([self._drawn(shot, view, finding, hidden=hidden)]), note)
        near = shoot(self.scene, close, WIDTH, HEIGHT)
        if _fills(near, faces):
            whole = self._drawn(shot, view, finding, hidden=hidden)
            _mark(whole, _pixel(view, close.centre), COLOURS[finding["severity"]], _RING)
            return _with_note(picture_of([whole]), note)
        left = self._drawn(shot, view, finding, hidden=hidden)
        _mark_frame(left, view, close, COLOURS[finding["severity"]])
        right = self._drawn(near, close, finding, hidden=hidden)
        return _with_note(picture_of([left, right]), note)

    def _samples(self, findings: list[Finding]) -> Samples:
        """What has to be seen of the findings: their faces and where they were measured, or their edges."""
        most = max(_MOST_SAMPLES // max(len(findings), 1), _LEAST_SAMPLES)
        return Samples.together([self._samples_of_one(finding, most) for finding in findings])

    def _samples_of_one(self, finding: Finding, most: int) -> Samples:
        faces = Samples.of_faces(self.scene, _local_faces(self.scene, finding), most)
        point, normal = _vector(finding.get("point")), _vector(finding.get("normal"))
        if point is None or normal is None or not np.linalg.norm(normal) > 0:
            return faces
        edges = _sharp_edges(self.scene, finding)
        measured = _between(self.scene.edge_points[edges]) if len(edges) else point[None]
        return Samples.together([faces, Samples.of_points(measured, normal)])

    def _ring_if_small(self, image: Image.Image, shot: Shot, view: View, finding: Finding) -> None:
        """A ring around a finding that would be overlooked, if it is on the near side."""
        point, normal = _vector(finding.get("point")), _vector(finding.get("normal"))
        shown = self._extent(finding, point)
        if point is None or normal is None or shown is None or not finding["faces"]:
            return
        flat = view.project(shown)
        reach = (flat.max(axis=0) - flat.min(axis=0)).max() * WIDTH / 2 / view.half[0]
        faces = _local_faces(self.scene, finding)
        drawn = np.argwhere(np.isin(shot.face, faces))
        if reach >= _OVERLOOKED and (not faces or len(drawn) >= _NARROW * reach):
            return
        at = _pixel(view, point)
        if not are_seen(self.scene, Samples.of_points(point[None], normal), view.towards)[0]:
            if not len(drawn):
                return
            row, column = drawn[np.argmin(np.hypot(drawn[:, 1] - at[0], drawn[:, 0] - at[1]))]
            at = float(column), float(row)
        _mark(image, at, COLOURS[finding["severity"]], _SMALL_RING)

    def _overview(self, towards: Floats) -> tuple[Shot, View]:
        view = overview(self.scene, towards, ASPECT)
        key = np.asarray(towards).tobytes()
        if key not in self._shots:
            shot = shoot(self.scene, view, WIDTH, HEIGHT)
            if len(self._shots) < len(DIRECTIONS):
                self._shots[key] = shot
            return shot, view
        return self._shots[key], view

    def _drawn(self, shot: Shot, view: View, finding: Finding, *, hidden: bool) -> Image.Image:
        if not hidden:
            return image_of(paint(shot, self._coloured([finding]), *self._edges(shot, [finding])))
        pale = self._coloured([], _PALE)
        behind = shoot(self.scene.only(finding["faces"]), view, shot.face.shape[1], shot.face.shape[0])
        inner = paint(behind, self._coloured([finding]))
        outer = paint(shot, pale)
        share = (behind.face != NOTHING).astype(np.float32)
        share[behind.busy] = (behind.fine_face != NOTHING).mean(axis=(1, 2))
        mixed = 0.72 * share[..., None]
        return image_of(np.asarray(inner * mixed + outer * (1 - mixed), dtype=np.float32))

    def _coloured(self, findings: Iterable[Finding], plain: tuple[float, float, float] = _PART) -> Singles:
        """(faces + 1, 3) the colour of each face, and of the background."""
        colours = np.tile(np.array(plain, dtype=np.float32), (self._faces, 1))
        colours[-1] = 1.0
        for finding in sorted(findings, key=lambda row: -SEVERITIES.index(row["severity"])):
            faces = [face for face in _local_faces(self.scene, finding) if face < self._faces - 1]
            colours[faces] = rgb(COLOURS[finding["severity"]])
        return colours

    def _edges(self, shot: Shot, findings: list[Finding]) -> tuple[Mask | None, Singles | None]:
        """Where the edges of the findings are, which stand for a finding whose faces are large."""
        pairs = [self.scene.edge_faces[_sharp_edges(self.scene, finding)] for finding in findings]
        joined = np.concatenate(pairs) if pairs else np.zeros((0, 2), dtype=np.int64)
        joined = joined[(joined >= 0).all(axis=1) & (joined[:, 0] != joined[:, 1])]
        if not len(joined):
            return None, None
        gravest = min((finding["severity"] for finding in findings), key=SEVERITIES.index)
        return border_between(shot, joined, 2), rgb(COLOURS[gravest])

    def _close_up(self, view: View, finding: Finding, point: Floats | None) -> View | None:
        """The view of what was found; None if that is about all of the part."""
        if not finding["faces"]:
            return None  # its point is only the middle of the part
        shown = self._extent(finding, point)
        if shown is None:
            return None
        flat = view.project(shown)
        reach = (flat.max(axis=0) - flat.min(axis=0)) / 2
        most, least = _MOST_CLOSE_UP * self.scene.diagonal, _LEAST_CLOSE_UP * self.scene.diagonal
        half_width = float(max(reach[0] * 1.5, reach[1] * 1.5 * ASPECT))
        if half_width > most and point is not None:
            shown, half_width = point[None], most * 0.8
        half_width = max(half_width, least)
        return view.on(shown, half_width, ASPECT) if half_width < _WORTH_A_CLOSE_UP * view.half[0] else None

    def _extent(self, finding: Finding, point: Floats | None) -> Floats | None:
        """(n, 3) points that a close-up has to show."""
        edges = _sharp_edges(self.scene, finding)
        if len(edges):
            return self.scene.edge_points[edges].reshape(-1, 3)
        chosen = np.isin(self.scene.mesh.face, finding["faces"])
        if chosen.any():
            return self.scene.mesh.vertices[np.unique(self.scene.mesh.triangles[chosen])]
        return None if point is None else point[None]


def _local_faces(scene: Scene, finding: Finding) -> list[int]:
    """The faces to colour: none where the edges between large faces say it better."""
    return [] if len(_sharp_edges(scene, finding)) else list(finding["faces"])


def _sharp_edges(scene: Scene, finding: Finding) -> Ints:
    """The edge of a finding that was measured on the edge between two faces, as a sharp corner is; else none."""
    edges = np.asarray(finding.get("edges") or [], dtype=np.int64)
    point = _vector(finding.get("point"))
    if len(edges) != 1 or len(finding["faces"]) != 2 or point is None or edges[0] >= len(scene.edge_faces):
        return edges[:0]
    if sorted(scene.edge_faces[edges[0]]) != sorted(finding["faces"]):
        return edges[:0]
    away = float(np.linalg.norm(scene.edge_points[edges[0]] - point, axis=1).min())
    return edges if away < scene.diagonal * 1e-4 else edges[:0]


def _between(edges: Floats) -> Floats:
    """(5 · n, 3) points along (n, 3, 3) edges, off their ends."""
    start, middle, end = edges[:, 0], edges[:, 1], edges[:, 2]
    return np.concatenate([(start + middle) / 2, middle, (middle + end) / 2, *_near_ends(start, middle, end)])


def _near_ends(start: Floats, middle: Floats, end: Floats) -> tuple[Floats, Floats]:
    return start + 0.15 * (middle - start), end + 0.15 * (middle - end)


def _fills(shot: Shot, faces: list[int]) -> bool:
    """Whether so little is seen beside these faces that nobody can tell where on the part it is."""
    return bool(np.isin(shot.face, [*faces, NOTHING]).mean() > _FILLED)


def _mark(image: Image.Image, at: tuple[float, float], colour: str, ring: int) -> None:
    """A ring around a pixel: column and row."""
    column, row = at
    draw = ImageDraw.Draw(image)
    for radius, ink, width in ((ring, "#ffffff", 4), (ring - 1, colour, 2)):
        draw.ellipse((column - radius, row - radius, column + radius, row + radius), outline=ink, width=width)


def _pixel(view: View, point: Floats) -> tuple[float, float]:
    """Where a point is in an overview: column and row."""
    x, y = view.project(point[None])[0]
    scale = WIDTH / 2 / view.half[0]
    return float(WIDTH / 2 + x * scale), float(HEIGHT / 2 - y * scale)


def _mark_frame(image: Image.Image, view: View, close: View, colour: str) -> None:
    """A frame around what the close-up shows."""
    column, row = _pixel(view, close.centre)
    across, down = (max(side * WIDTH / 2 / view.half[0], _RING) for side in close.half)
    box = (column - across, row - down, column + across, row + down)
    draw = ImageDraw.Draw(image)
    draw.rectangle(box, outline="#ffffff", width=4)
    draw.rectangle((box[0] + 1, box[1] + 1, box[2] - 1, box[3] - 1), outline=colour, width=2)


def picture_of(images: list[Image.Image]) -> Picture:
    """The images beside each other, as PNG."""
    width = sum(image.width for image in images) + GAP * (len(images) - 1)
    height = images[0].height
    whole = Image.new("RGB", (width, height), "#ffffff")
    left = 0
    for image in images:
        whole.paste(image, (left, 0))
        left += image.width + GAP
    content = io.BytesIO()
    whole.save(content, "PNG", compress_level=6)
    return Picture(content.getvalue(), width, height)


def _with_note(picture: Picture, note: str) -> Picture:
    return Picture(picture.png, picture.width, picture.height, note)


def image_of(pixels: Pixels) -> Image.Image:
    """Pixels as 8 bits a colour."""
    return Image.fromarray(np.asarray(np.rint(np.clip(pixels, 0.0, 1.0) * 255), dtype=np.uint8), "RGB")


def rgb(colour: str) -> Singles:
    """(3,) of 0 … 1, of #rrggbb."""
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)], dtype=np.float32)


def _vector(value: Any) -> Floats | None:  # noqa: ANN401 - JSON
    return None if value is None else np.asarray(value, dtype=float)
