"""How narrow pockets are: as a whole, and where an island or a wall narrows them."""

from collections.abc import Iterable

from workers.cad.part import Surface
from workers.facts.gaps import Gap
from workers.features.feature import Feature
from workers.features.graph import FaceGraph
from workers.rules.measurement import Change, ChangeTo, Measurement
from workers.rules.quantities.engraving import lettering
from workers.rules.quantities.registry import POCKETS, Subject, quantity, too_narrow
from workers.rules.rule_file import Rule

# A gap across a pocket is measured between walls, whose normals are about square to the pocket's direction.
UPRIGHT = 0.3
FLOOR = 0.99
# A pocket is narrowed where it is wider elsewhere by this factor; a ring of one width is not.
NARROWED = 1.5


@quantity("narrowest_region")
def narrowest_region(subject: Subject, _rule: Rule) -> list[Measurement]:
    """Width in mm of each pocket and slot, and of each place where it is narrower than that.

    Detail `by_island`: 1 where an island stands that close to the wall, else 0.
    """
    found = []
    fillets, gaps = _fillets_in(subject), _GapsByFace(subject.facts.gaps.gaps)
    letters = {letter.id for letter in lettering(subject)}
    for pocket in subject.of_type(*POCKETS):
        if pocket.id in letters:
            continue
        if pocket.size["width"] > 0:
            whole = too_narrow(pocket, subject, "width")
            whole.details["by_island"] = 0.0
            found.append(whole)
        found += _narrowed(subject.graph, pocket, fillets.get(pocket.id, []), gaps)
    return found


def _fillets_in(subject: Subject) -> dict[str, list[int]]:
    """By the id of a feature, the faces of the fillets in it."""
    faces: dict[str, list[int]] = {}
    for feature in subject.features:
        if feature.parent is not None:
            faces.setdefault(feature.parent.id, []).extend(feature.faces)
    return faces


class _GapsByFace:
    """The gaps of a part, narrowest first, found by the faces at both sides."""

    def __init__(self, gaps: list[Gap]) -> None:
        self._gaps = gaps
        self._numbers: dict[int, list[int]] = {}
        for number, gap in enumerate(gaps):
            self._numbers.setdefault(gap.faces[0], []).append(number)

    def between(self, faces: set[int]) -> list[Gap]:
        """Those with both sides in `faces`, narrowest first."""
        numbers = sorted(number for face in faces for number in self._numbers.get(face, []))
        return [self._gaps[number] for number in numbers if self._gaps[number].faces[1] in faces]


def _narrowed(graph: FaceGraph, pocket: Feature, fillets: list[int], between: _GapsByFace) -> list[Measurement]:
    """The narrowest gap between each two of the pocket's wall and its islands."""
    if pocket.direction is None:
        return []
    islands = _islands(graph, pocket)
    owner = {face: number for number, island in enumerate(islands) for face in sorted(island)}
    inside = {*pocket.faces, *fillets, *owner}
    gaps = [gap for gap in between.between(inside) if abs(float(gap.normal @ pocket.direction)) < UPRIGHT]
    widest = max((gap.width for gap in gaps), default=0.0)
    narrowest: dict[tuple[int, int], Gap] = {}
    for gap in gaps:  # narrowest first
        one, two = sorted(owner.get(face, -1) for face in gap.faces)
        # Across one island's own recess, or across the pocket itself: its width says that already.
        if one == two and (one >= 0 or gap.width > 0.98 * pocket.size["width"]):
            continue
        if gap.width * NARROWED < widest:
            narrowest.setdefault((one, two), gap)
    return [_measurement(pocket, pair, gap) for pair, gap in narrowest.items()]


def _islands(graph: FaceGraph, pocket: Feature) -> list[set[int]]:
    """The upright faces of what rises from each inner loop of the pocket's floors."""
    assert pocket.direction is not None
    islands = []
    for floor in pocket.faces:
        if graph.kind[floor] != Surface.PLANE or float(graph.faces.axis[floor] @ pocket.direction) < FLOOR:
            continue
        for loop in graph.faces.loops[floor][1:]:
            if all(graph.is_concave(edge) for edge in loop):
                feet = {graph.other(edge, floor) for edge in loop} - {-1}
                islands.append(feet | _above(graph, floor, feet))
    return islands


def _above(graph: FaceGraph, floor: int, feet: Iterable[int]) -> set[int]:
    """The faces that go on smoothly from fillets at an island's foot."""
    return {
        other for foot in feet for edge, other in graph.neighbours(foot) if other != floor and graph.is_concave(edge)
    }


def _measurement(pocket: Feature, pair: tuple[int, int], gap: Gap) -> Measurement:
    by_island = float(pair[0] < 0 <= pair[1])
    between = (
        "the island and the wall" if pair[0] < 0 <= pair[1] else "the two islands" if pair[1] >= 0 else "the walls"
    )
    point = gap.point + gap.normal * (gap.width / 2)
    direction = pocket.direction if pocket.direction is not None else gap.normal
    details = {"by_island": by_island}
    change = _widen(gap.width, between)
    return Measurement(gap.width, sorted(set(gap.faces)), point, direction, change, [pocket], details=details)


def _widen(width: float, between: str) -> ChangeTo:
    def change(limit: float) -> Change:
        return Change(f"move {between} {limit - width:.2f} mm apart, to {limit:g} mm", "width", width, limit)

    return change
