"""A part as it is made: between the halves of its mould, and standing on the plate that it is built on."""

from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from workers.cad.part import Floats, Ints
from workers.report.pictures import Picture, image_of, picture_of, rgb
from workers.report.render import NOTHING, Shot, Singles, border_between, paint, shoot
from workers.report.scene import Scene
from workers.report.views import View, ground, upright

WIDTH, HEIGHT = 480, 360
_PART = "#ccd6e0"
CAVITY, CORE, UNDERCUT = "#7fb0ea", "#9bd08f", "#e8590c"
PARTING_LINE, _ARROW = "#8a0f6b", "#1c2430"
_PLATE, _PLATE_BORDER = "#e3e8ee", "#aab4c0"
# Above and below the part, for the arrows: of the height of the picture.
_ROOM = 0.17
_PLATE_BEYOND = 0.1  # of the part's diagonal
_HEAD, _SHAFT = 9, 3  # px


def parted(scene: Scene, direction: list[float], parting: dict[str, Any]) -> Picture:
    """The part from the side of the cavity and from that of the core, which `direction` leads from.

    `parting` has the faces `cavity`, `core` and `undercut`, and the `edges` of the parting line.
    """
    colours = _plain(scene)
    for faces, colour in (("cavity", CAVITY), ("core", CORE), ("undercut", UNDERCUT)):
        colours[[face for face in parting.get(faces) or [] if face < len(colours) - 1]] = rgb(colour)
    edges = [edge for edge in parting.get("edges") or [] if edge < len(scene.edge_faces)]
    pairs = scene.edge_faces[np.asarray(edges, dtype=np.int64)]
    pairs = pairs[(pairs >= 0).all(axis=1)]
    return picture_of([_half(scene, np.asarray(direction), colours, pairs, below=below) for below in (False, True)])


def _half(scene: Scene, up: Floats, colours: Singles, parting: Ints, *, below: bool) -> Image.Image:
    view = upright(scene, up, WIDTH / HEIGHT, room=1 / (1 - 2 * _ROOM), below=below)
    shot = shoot(scene, view, WIDTH, HEIGHT)
    line = border_between(shot, parting, 2) if len(parting) else None
    image = image_of(paint(shot, colours, line, rgb(PARTING_LINE)))
    _arrows(image, scene, view)
    return image


def standing(scene: Scene, up: list[float]) -> Picture:
    """The part on the plate that it is built on, `up` away from it."""
    upwards = np.asarray(up)
    plate = _plate(scene, upwards)
    view = upright(scene, upwards, WIDTH / HEIGHT, beside=plate)
    shot = shoot(scene, view, WIDTH, HEIGHT)
    below = Image.new("RGB", (WIDTH, HEIGHT), "#ffffff")
    ImageDraw.Draw(below).polygon(_pixels(view, plate), fill=_PLATE, outline=_PLATE_BORDER, width=2)
    # The plate is seen from above, so the part is before it wherever there is any of it.
    free = 1.0 - _covered(shot)[..., None]
    part = paint(shot, _plain(scene))
    behind = np.asarray(below, dtype=np.float32) / np.float32(255)
    return picture_of([image_of(np.asarray(part - free * (1 - behind), dtype=np.float32))])


def _plain(scene: Scene) -> Singles:
    """(faces + 1, 3) one colour for all, and the white background."""
    colours = np.tile(rgb(_PART), (int(scene.mesh.face.max()) + 2, 1))
    colours[-1] = 1.0
    return colours


def _covered(shot: Shot) -> Singles:
    """(rows, columns) the share of each pixel that is of the part."""
    share: Singles = (shot.face != NOTHING).astype(np.float32)
    share[shot.busy] = (shot.fine_face != NOTHING).mean(axis=(1, 2))
    return share


def _plate(scene: Scene, up: Floats) -> Floats:
    """(4, 3) corners of a plate below the part, a little larger than it."""
    across, along = ground(up)
    vertices = scene.mesh.vertices
    sides = np.stack([vertices @ across, vertices @ along], axis=1)
    low, high = sides.min(axis=0), sides.max(axis=0)
    beyond = scene.diagonal * _PLATE_BEYOND
    low, high = low - beyond, high + beyond
    corners = ((low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1]))
    return np.stack([x * across + y * along + (vertices @ up).min() * up for x, y in corners])


def _arrows(image: Image.Image, scene: Scene, view: View) -> None:
    """One upwards above the part, and one downwards below it."""
    rows = [row for _, row in _pixels(view, scene.mesh.vertices)]
    middle, length = WIDTH / 2, HEIGHT * _ROOM * 0.75
    draw = ImageDraw.Draw(image)
    for start, sign in ((min(rows) - 4, -1), (max(rows) + 4, 1)):
        end = start + sign * length
        draw.line((middle, start, middle, end - sign * _HEAD), fill=_ARROW, width=_SHAFT)
        draw.polygon(
            [(middle, end), (middle - _HEAD, end - sign * 2 * _HEAD), (middle + _HEAD, end - sign * 2 * _HEAD)],
            fill=_ARROW,
        )


def _pixels(view: View, points: Floats) -> list[tuple[float, float]]:
    """(column, row) of each of (n, 3) points."""
    flat = view.project(points) * (WIDTH / 2 / view.half[0])
    return [(float(WIDTH / 2 + x), float(HEIGHT / 2 - y)) for x, y in flat]
