"""Fillets between floor and wall: another radius, along all of the smooth chain that one cutter leaves."""

from collections.abc import Iterator

from workers.cad.part import Bend
from workers.fixes.candidate import ADDS, EITHER, REMOVES, Box, Candidate
from workers.fixes.milling.blend import with_other_radius
from workers.fixes.milling.depressions import refilleted
from workers.fixes.registry import NoEditError, recipe
from workers.fixes.situation import JsonObject, Situation

FILLETS = ("floor_fillet", "concave_fillet")
SAME_RADIUS_MM = 1e-3
ABOUT_SAME_MM = 0.01  # a free-form fillet is only measured


@recipe("floor-fillet-nonstandard", "floor-fillet-inconsistent")
def floor_radius(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Give the fillet, or else the chain that it is part of, the radius that the finding asks for, or the next."""
    now, to = finding["change"]["from"], finding["change"]["to"]
    sizes = [size[0] for size in situation.standard_sizes("floor-fillet-nonstandard") if len(size) == 1]
    others = sorted((s for s in sizes if abs(s - to) > SAME_RADIUS_MM), key=lambda size: abs(size - now))[:1]
    for radius in (to, *others):
        yield from with_other_radius(situation, finding["faces"], now, radius)
        for faces in _together(situation, finding, radius):
            yield _with_radius(situation, faces, now, radius)


def _together(situation: Situation, finding: JsonObject, radius: float) -> list[list[int]]:
    """The faces that can be given one radius at once: of the fillet, of its smooth chain, of all of the pocket's foot.

    A share of the foot that would leave it with other radii than `radius`, where now it has one, is left out.
    """
    home = situation.home_of(finding)
    shares = [tuple(sorted(finding["faces"])), tuple(chain_of(situation, finding["faces"]))]
    if home is None:
        mitred = tuple(chain_of(situation, finding["faces"], mitred=True))
        return [list(share) for share in dict.fromkeys([*shares, mitred])]
    feet = situation.fillets_in(home, "floor_fillet")
    is_mixed = len({round(f["size"]["radius"], 3) for f in feet}) > 1
    rest = [
        {f["size"]["radius"] for f in feet if not set(f["faces"]) & set(share)} if not is_mixed else set()
        for share in shares
    ]
    fitting = [
        share
        for share, others in zip(shares, rest, strict=True)
        if all(abs(other - radius) < SAME_RADIUS_MM for other in others)
    ]
    return [list(share) for share in dict.fromkeys([*fitting, tuple(situation.foot_of(home))])]


@recipe("floor-fillet-over-corner")
def floor_over_corner(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Bring the floor's fillets below the corner's radius: to the next standard one, else to half of it."""
    home = situation.home_of(finding)
    if home is None:
        raise NoEditError("the fillets belong to no pocket")
    corner = min(fillet["size"]["radius"] for fillet in situation.fillets_in(home, "concave_fillet"))
    over = [f for f in situation.fillets_in(home, "floor_fillet") if f["size"]["radius"] >= corner - ABOUT_SAME_MM]
    if not over:
        raise NoEditError("no fillet at the foot is as large as the corner's")
    now = max(f["size"]["radius"] for f in over)
    sizes = [size[0] for size in situation.standard_sizes("floor-fillet-nonstandard") if len(size) == 1]
    below = [size for size in sorted(sizes, reverse=True) if size < 0.9 * corner][:1]
    chain = {face for f in over for face in chain_of(situation, f["faces"])}
    faces = situation.with_patches(chain)
    straight = sorted({face for fillet in over for face in fillet["faces"]})
    for radius in (*below, corner / 2):
        yield from with_other_radius(situation, straight, now, radius)
        yield _with_radius(situation, faces, now, radius)


def chain_of(situation: Situation, faces: list[int], *, mitred: bool = False) -> list[int]:
    """The faces of all floor fillets of one radius that run smoothly on from `faces`; or meet at all, if `mitred`."""
    body = situation.body
    fillets = {face: f for f in situation.features.values() if f["type"] in FILLETS for face in f["faces"]}
    radius = fillets[faces[0]]["size"]["radius"]
    found, queue = set(faces), list(faces)
    while queue:
        face = queue.pop()
        for edge, other in body.neighbours(face):
            alike = other in fillets and fillets[other]["type"] == "floor_fillet"
            alike = alike and abs(fillets[other]["size"]["radius"] - radius) < SAME_RADIUS_MM
            if alike and other not in found and (mitred or body.edges.bend[edge] == Bend.SMOOTH):
                found.add(other)
                queue.append(other)
    return sorted(found)


def _with_radius(situation: Situation, faces: list[int], now: float, radius: float) -> Candidate:
    body = situation.body
    box = Box(*body.box_of_faces(faces)).grown(1.5 * max(now, radius))

    return Candidate(
        words=f"change the fillet at the floor from R{now:.3f} mm to R{radius:.3f} mm ({len(faces)} faces)",
        figures={"radius_from": now, "radius_to": radius, "faces": float(len(faces))},
        make=lambda start: refilleted(start, faces, box, lambda _body, _edge: radius),
        region=box,
        sense=EITHER if now == radius else ADDS if radius > now else REMOVES,
    )


@recipe("corner-radii-mixed")
def mixed_corners(situation: Situation, finding: JsonObject) -> Iterator[Candidate]:
    """Give every upright corner of the pocket the largest radius, or the smallest."""
    home = situation.home_of(finding)
    if home is None:
        raise NoEditError("the corners belong to no pocket")
    corners = situation.fillets_in(home, "concave_fillet")
    radii = sorted({fillet["size"]["radius"] for fillet in corners})
    for radius in (radii[-1], radii[0]):
        faces = sorted(
            {face for f in corners if abs(f["size"]["radius"] - radius) > SAME_RADIUS_MM for face in f["faces"]}
        )
        yield _alike(situation, faces, radii, radius)


def _alike(situation: Situation, faces: list[int], radii: list[float], radius: float) -> Candidate:
    box = Box(*situation.body.box_of_faces(faces)).grown(1.5 * radii[-1])

    return Candidate(
        words=f"give the corners of the pocket one radius, R{radius:.3f} mm",
        figures={"radius_to": radius, "faces": float(len(faces))},
        make=lambda start: refilleted(start, faces, box, lambda _body, _edge: radius),
        region=box,
        sense=EITHER,
    )
