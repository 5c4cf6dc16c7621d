"""One machining feature of a part."""

from dataclasses import dataclass, field

from workers.cad.part import Floats


@dataclass
class Feature:
    """A recognised feature. Sizes are mm, angles degrees; `direction` points out of the part, the way a tool leaves."""

    type: str
    faces: list[int]
    body: int
    axis: Floats | None = None
    direction: Floats | None = None
    size: dict[str, float] = field(default_factory=dict)
    point: Floats | None = None  # somewhere on the feature's axis or floor
    open_directions: list[Floats] = field(default_factory=list)
    steps: list[dict[str, float | str]] = field(default_factory=list)  # of a hole, from its mouth inwards
    parent: "Feature | None" = None  # the pocket that a corner or floor fillet belongs to
    between: list[int] = field(
        default_factory=list
    )  # the faces that a concave fillet joins, or that a rib stands between
    pattern: dict[str, float | str] | None = None  # of a hole that is one of a regular group
    id: str = ""
