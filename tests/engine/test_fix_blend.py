"""A fillet that runs on around bends: one share of it with another radius, and what does not come off alone."""

import numpy as np
import pytest

from tests.parts import block
from workers.cad.edit.blends import rounded
from workers.cad.edit.body import Body, body_of
from workers.cad.edit.errors import EditError
from workers.cad.edit.soundness import unsound
from workers.cad.part import Bend, Surface
from workers.fixes.milling.blend import with_other_radius
from workers.fixes.milling.depressions import check_comes_off
from workers.fixes.situation import Situation

NOW, OTHER = 3.0, 2.0


@pytest.fixture(scope="module")
def lug() -> Body:
    """With four edges of R6, out of a leaning wall: the fillet at its foot has four bends, which are free-form."""
    wall = block(60.0, 20.0, 60.0, (-30.0, 0.0, -30.0)).moved(axis=(1.0, 0.0, 0.0), degrees=5.0)
    sharp = body_of(wall.join(block(30.0, 40.0, 30.0, (-15.0, -30.0, -15.0)).round_edges(6.0, (0.0, 1.0, 0.0))).shape)
    return rounded(sharp, np.flatnonzero(sharp.edges.bend == Bend.CONCAVE).tolist()[:1], NOW)


def foot_of(body: Body, radius: float) -> list[int]:
    """The straight shares of the fillet that have a radius, the lowest first."""
    round_faces = np.flatnonzero((body.faces.kind == Surface.CYLINDER) & (np.abs(body.faces.radius - radius) < 1e-6))
    inner = [f for f in round_faces.tolist() if body.faces.sign[f] < 0]
    return sorted(inner, key=lambda face: float(body.box_of_faces([face])[0][2]))


def situation(body: Body) -> Situation:
    """As a review would find the fillet."""
    blend = [*foot_of(body, NOW), *np.flatnonzero(body.faces.kind == Surface.FREEFORM).tolist()]
    fillet = {"id": "F1", "type": "floor_fillet", "size": {"radius": NOW}, "faces": blend}
    return Situation(body, {"features": [fillet], "findings": []})


def test_one_share_of_the_fillet_gets_another_radius(lug: Body) -> None:
    under = foot_of(lug, NOW)[:1]
    (candidate,) = with_other_radius(situation(lug), under, NOW, OTHER)
    after = candidate.make(lug)
    assert unsound(after) is None
    assert after.volume < lug.volume
    assert [len(foot_of(after, radius)) for radius in (NOW, OTHER)] == [3, 1]
    # Where it stays as it was, it is as long as before; the bends begin and end as wide as what they meet.
    assert after.areas[foot_of(after, NOW)[-1]] == pytest.approx(lug.areas[foot_of(lug, NOW)[-1]], rel=1e-6)
    assert all(after.edges.bend[edge] == Bend.SMOOTH for edge, _other in after.neighbours(foot_of(after, OTHER)[0]))
    assert len(after.faces.kind) == len(lug.faces.kind)


def test_a_share_of_the_fillet_does_not_come_off_alone(lug: Body) -> None:
    with pytest.raises(EditError, match="free-form bend"):
        check_comes_off(lug, foot_of(lug, NOW)[:1])
    check_comes_off(lug, situation(lug).review["features"][0]["faces"])


def test_a_fillet_without_bends_has_no_share(lug: Body) -> None:
    straight = Situation(lug, {"features": [], "findings": []})
    assert list(with_other_radius(straight, foot_of(lug, NOW)[:1], NOW, OTHER)) == []
