"""Corners filled up by exact lines and circles, where the kernel's own fillets are not used."""

import math

import pytest

from tests.parts import Solid, block, cylinder, prism
from workers.cad.edit.body import Body, body_of
from workers.cad.edit.errors import EditError
from workers.cad.edit.soundness import unsound
from workers.cad.part import Bend, Surface
from workers.fixes.milling.wedge import with_filled_corner

HEIGHT = 10.0
FOOT = block(40.0, 10.0, HEIGHT)


def fillet_of(solid: Solid, radius: float) -> tuple[Body, int]:
    """The solid, and its first concave cylinder of a radius."""
    body = body_of(solid.shape)
    alike = [f for f in range(len(body.areas)) if abs(body.faces.radius[f] - radius) < 1e-6]
    return body, next(f for f in alike if body.faces.kind[f] == Surface.CYLINDER and body.faces.sign[f] < 0)


def angle() -> Solid:
    """An L with R2 inside."""
    inside = block(20.0, 20.0, HEIGHT, (10.0, 10.0, 0.0)).round_edges(2.0, (0.0, 0.0, 1.0))
    return block(20.0, 20.0, HEIGHT).cut(inside)


def lug() -> Solid:
    """A round lug of R10 on a flat foot, with a corner of R2: its middle is 2 from the foot, 12 from the lug's."""
    across = math.sqrt(12.0**2 - 2.0**2)
    touched = (20.0 + across * 10 / 12, 10.0 + 2.0 * 10 / 12)
    under = prism([(20.0, 10.0), (20.0 + across, 10.0), (20.0 + across, 12.0), touched], HEIGHT)
    corner = under.cut(cylinder(4.0, HEIGHT, (20.0 + across, 12.0, 0.0)))
    return FOOT.join(cylinder(20.0, HEIGHT, (20.0, 10.0, 0.0)), corner)


def test_a_corner_between_flat_walls_is_filled_up() -> None:
    body, corner = fillet_of(angle(), 2.0)
    after = with_filled_corner(body, corner, 6.0)
    assert unsound(after) is None
    assert after.volume - body.volume == pytest.approx((6.0**2 - 2.0**2) * (1 - math.pi / 4) * HEIGHT, rel=1e-6)
    assert len(after.faces.kind) == len(body.faces.kind)


def test_a_corner_beside_a_round_lug_is_filled_up_and_stays_smooth() -> None:
    body, corner = fillet_of(lug(), 2.0)
    after = with_filled_corner(body, corner, 5.0)
    assert unsound(after) is None
    larger = next(f for f in range(len(after.areas)) if abs(after.faces.radius[f] - 5.0) < 1e-6)
    # Its middle is 5 from the foot and 15 from the lug's.
    assert after.faces.origin[larger][:2] == pytest.approx([20.0 + math.sqrt(15.0**2 - 5.0**2), 15.0])
    assert sorted(after.edges.bend[edge] for edge, _other in after.neighbours(larger)) == [
        Bend.SMOOTH, Bend.SMOOTH, Bend.CONVEX, Bend.CONVEX,
    ]  # fmt: skip
    assert len(after.faces.kind) == len(body.faces.kind)


def test_a_corner_in_a_bore_is_not_filled_up() -> None:
    body, bore = fillet_of(FOOT.cut(cylinder(4.0, HEIGHT, (20.0, 5.0, 0.0))), 2.0)
    with pytest.raises(EditError, match="not between two walls"):
        with_filled_corner(body, bore, 5.0)
