"""A corner filled up together with the rounded rim in which it ends."""

import numpy as np
import pytest

from tests.parts import block, cylinder
from workers.cad.edit.blends import rounded
from workers.cad.edit.body import Body, body_of
from workers.cad.edit.errors import EditError
from workers.cad.edit.soundness import unsound
from workers.cad.part import Surface
from workers.fixes.milling.rim import ends_in_rim, with_filled_corner_and_rim

RIM, TIGHT, LARGE = 2.0, 3.0, 7.0


def notched(corner: float, rim: float, hole: bool = False) -> Body:
    """A plate with a notch into its corner; at its bottom the notch's outline is rounded, all along."""
    inside = block(60.0, 60.0, 10.0, (20.0, 20.0, 0.0)).round_edges(corner, (0.0, 0.0, 1.0))
    solid = block(60.0, 60.0, 10.0).cut(inside)
    plain = body_of(solid.cut(cylinder(2.0, 60.0, (18.0, -5.0, 6.0), (0.0, 1.0, 0.0))).shape if hole else solid.shape)
    if not rim:
        return plain
    edges = plain.edges
    along = (np.abs(edges.middle[:, 2]) < 1e-6) & (edges.middle[:, :2].min(axis=1) > 15.0)
    outline = along & (edges.middle[:, :2].max(axis=1) < 59.0)
    return rounded(plain, np.flatnonzero(outline).tolist(), rim)


def corner_of(body: Body, radius: float) -> int:
    """The notch's corner."""
    faces = body.faces
    upright = (
        (faces.kind == Surface.CYLINDER) & (np.abs(faces.radius - radius) < 1e-6) & (np.abs(faces.axis[:, 2]) > 0.99)
    )
    return int(np.flatnonzero(upright)[0])


def test_the_corner_grows_and_its_rim_goes_along() -> None:
    before = notched(TIGHT, RIM)
    assert ends_in_rim(before, corner_of(before, TIGHT))
    after = with_filled_corner_and_rim(before, corner_of(before, TIGHT), LARGE)
    assert unsound(after) is None
    assert after.volume == pytest.approx(notched(LARGE, RIM).volume, rel=1e-9)
    assert after.areas.sum() == pytest.approx(notched(LARGE, RIM).areas.sum(), rel=1e-9)
    # The flat faces are one each as before, without a seam where the block was joined.
    flat = [int((body.faces.kind == Surface.PLANE).sum()) for body in (before, after)]
    assert flat[0] == flat[1]


def test_a_corner_with_a_hole_behind_its_wall_is_left() -> None:
    before = notched(TIGHT, RIM, hole=True)
    with pytest.raises(EditError, match="too little material"):
        with_filled_corner_and_rim(before, corner_of(before, TIGHT), LARGE)


def test_a_corner_without_a_rim_is_left() -> None:
    before = notched(TIGHT, 0.0)
    assert not ends_in_rim(before, corner_of(before, TIGHT))
    with pytest.raises(EditError, match="rounded rim"):
        with_filled_corner_and_rim(before, corner_of(before, TIGHT), LARGE)
