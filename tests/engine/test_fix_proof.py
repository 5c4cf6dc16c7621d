"""What a fix is held to before it is handed out, each check by an edit that breaks it."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fix_parts import Tried, change_of, tried
from tests.parts import Solid, block, cylinder, drill, pocket, sphere
from workers.cad.edit.blends import without_faces
from workers.cad.edit.body import Body, body_of, read_body
from workers.cad.edit.booleans import cut
from workers.cad.edit.errors import EditError
from workers.cad.part import Surface
from workers.fixes.candidate import ADDS, EITHER, REMOVES, Box, Candidate
from workers.fixes.comparison import compare
from workers.fixes.elsewhere import changed_elsewhere, face_boxes
from workers.fixes.milling.outline import upright_walls
from workers.fixes.proof import CLEARED, NO_EDIT, REFUSED, Outcome, try_fix
from workers.fixes.registry import RECIPES, NoEditError, one_after_the_other
from workers.fixes.situation import JsonObject, Situation
from workers.review import review

SLOW = settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
PART = block(60.0, 40.0, 20.0).cut(drill(5.0, 25.0, (10.0, 10.0, 20.0), point=False))
CORNER = Box(np.array([50.0, 30.0, 10.0]), np.array([61.0, 41.0, 21.0]))


def body(solid: Solid) -> Body:
    return body_of(solid.shape)


# Nothing changes elsewhere.


def test_an_edit_within_its_region_changes_nothing_elsewhere() -> None:
    notched = PART.cut(block(5.0, 5.0, 5.0, (55.0, 35.0, 15.0)))
    assert changed_elsewhere(body(PART), body(notched), CORNER) is None


@pytest.mark.parametrize(
    "other",
    [
        PART.cut(block(5.0, 5.0, 5.0, (0.0, 35.0, 15.0))),
        PART.cut(drill(3.0, 25.0, (30.0, 10.0, 20.0), point=False)),
        block(60.0, 40.0, 20.0).cut(drill(5.0, 25.0, (10.01, 10.0, 20.0), point=False)),
        block(60.0, 40.0, 20.0).cut(drill(5.01, 25.0, (10.0, 10.0, 20.0), point=False)),
        block(60.0, 40.0, 20.0),
    ],
    ids=["a notch", "another hole", "a moved hole", "a wider hole", "a hole filled in"],
)
def test_what_changes_outside_of_the_region_is_seen(other: Solid) -> None:
    assert "outside of the edit" in str(changed_elsewhere(body(PART), body(other), CORNER))
    assert "outside of the edit" in str(changed_elsewhere(body(other), body(PART), CORNER))


def test_a_face_that_is_only_divided_otherwise_is_no_change() -> None:
    """The kernel merges the halves of a cylinder when it takes other faces off."""
    hole = cylinder(5.0, 25.0, (10.0, 10.0, -1.0))
    halves = hole.cut(block(20.0, 20.0, 30.0, (0.0, 10.0, -2.0))), hole.cut(block(20.0, 20.0, 30.0, (0.0, -10.0, -2.0)))
    divided = block(60.0, 40.0, 20.0).cut(halves[0]).cut(halves[1])
    whole = block(60.0, 40.0, 20.0).cut(hole)
    assert len(body(divided).faces.kind) == len(body(whole).faces.kind) + 1
    assert changed_elsewhere(body(divided), body(whole), CORNER) is None
    assert changed_elsewhere(body(whole), body(divided), CORNER) is None


def test_a_face_between_the_same_edges_that_bulges_is_seen() -> None:
    """Flat and domed, the end of the stud has one and the same edge."""
    stud = cylinder(6.0, 10.0, (20.0, 20.0, 20.0))
    dome = sphere(10.0, (20.0, 20.0, 26.0)).cut(block(20.0, 20.0, 10.0, (10.0, 10.0, 20.0)))
    flat, domed = PART.join(stud), PART.join(stud, dome)
    assert "1 faces outside" in str(changed_elsewhere(body(flat), body(domed), CORNER))


def test_a_torus_that_comes_back_as_a_free_form_face_is_no_change() -> None:
    before = body(PART.cut(pocket(10.0, 10.0, 5.0, (30.0, 20.0, 20.0), corner=3.0, floor=1.0)))
    kinds = np.where(before.faces.kind == Surface.TORUS, Surface.FREEFORM, before.faces.kind)
    after = Body(before.shape, replace(before.faces, kind=kinds), before.edges)
    assert Surface.TORUS in before.faces.kind
    assert changed_elsewhere(before, after, CORNER) is None


def test_how_far_a_place_is_from_a_curve_is_measured_on_the_curve() -> None:
    """A drill that enters at 45° leaves an ellipse; its ends say nothing of where it runs."""
    slanted = body(block(60.0, 40.0, 20.0).cut(cylinder(5.0, 60.0, (0.0, 20.0, -10.0), (1.0, 0.0, 1.0))))
    on_ellipse = np.array([10.0 + 2.5 * np.sqrt(2.0) * np.cos(1.0), 20.0 + 2.5 * np.sin(1.0), 0.0])
    assert slanted.gap_to_curves(on_ellipse) == pytest.approx(0.0, abs=1e-6)
    assert slanted.gap_to_curves(on_ellipse - np.array([0.0, 0.0, 0.5])) == pytest.approx(0.5)
    assert body(block(10.0, 10.0, 10.0)).gap_to_curves(np.zeros(3)) == np.inf


# An edit that is not what it says is not taken.

Make = Callable[[Body], Body]
REGION = Box(np.full(3, -1.0), np.array([61.0, 41.0, 21.0]))


def attempt(make: Make, folder: Path, **details: Any) -> Outcome:  # noqa: ANN401
    """What comes of the hole's finding if the only edit that is proposed is `make`."""
    path, output = folder / "part.step", folder / "fixed.step"
    PART.cut(drill(6.33, 25.0, (40.0, 20.0, 20.0), point=False)).write_step(path)
    first = review(path, "part.step", "cnc_milling", "default")
    finding = next(f for f in first["findings"] if f["rule"] == "hole-nonstandard")
    candidate = replace(Candidate("edit it", {}, make, REGION, EITHER), **details)

    def only(_situation: Situation, _finding: JsonObject) -> Iterator[Candidate]:
        yield candidate

    with mock.patch.dict(RECIPES, {"hole-nonstandard": only}):
        outcome = try_fix(
            Situation(read_body(path), first),
            finding,
            output,
            lambda step: review(step, "part.step", "cnc_milling", "default"),
        )
    assert sorted(file.name for file in folder.iterdir()) == sorted(
        ["part.step", *(["fixed.step"] if outcome.outcome == CLEARED else [])]
    )
    return outcome


def wider(diameter: float) -> Make:
    """The hole drilled to another diameter."""
    return lambda start: cut(start, cylinder(diameter, 30.0, (40.0, 20.0, -5.0)).shape)


def test_a_sound_edit_is_taken(tmp_path: Path) -> None:
    outcome = attempt(wider(6.5), tmp_path, sense=REMOVES)
    assert outcome.outcome == CLEARED
    assert outcome.volume_before is not None
    assert outcome.volume_after == pytest.approx(outcome.volume_before - np.pi / 4 * (6.5**2 - 6.33**2) * 20.0)


def kernel_fails(_start: Body) -> Body:
    raise RuntimeError("StdFail_NotDone")


@pytest.mark.parametrize(
    ("make", "details", "reason"),
    [
        (kernel_fails, {}, "did not manage it (RuntimeError)"),
        (wider(6.5), {"sense": ADDS}, "the wrong way"),
        (wider(6.5), {"region": Box(np.array([39.0, 19.0, 0.0]), np.array([40.0, 20.0, 1.0]))}, "more than where"),
        (wider(6.5), {"volume_change": -1.0}, "not by -1.0000"),
        (wider(6.4), {"region": Box(np.zeros(3), np.array([20.0, 20.0, 20.0]))}, "outside of the edit"),
        (wider(6.35), {}, "still there"),
        (lambda start: cut(wider(6.5)(start), cylinder(3.33, 30.0, (25.0, 30.0, -5.0)).shape), {}, "new finding"),
        (lambda start: cut(start, block(1.0, 50.0, 30.0, (30.0, -5.0, -5.0)).shape), {}, "2 solids"),
    ],
    ids=["kernel", "sense", "volume of the region", "volume", "elsewhere", "still there", "new finding", "two solids"],
)
def test_an_edit_that_is_not_what_it_says_is_refused_and_no_file_is_left(
    make: Make, details: dict[str, Any], reason: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    outcome = attempt(make, tmp_path, **details)
    assert outcome.outcome == REFUSED
    assert reason in outcome.reason
    assert outcome.sha256 is None


def test_what_has_no_bounded_edit_says_why(tmp_path: Path) -> None:
    with mock.patch.dict(RECIPES, {"hole-nonstandard": lambda _situation, _finding: iter(())}):
        path = PART.write_step(tmp_path / "part.step")
        situation = Situation(read_body(path), {"findings": [], "features": []})
        outcome = try_fix(situation, {"id": "x", "rule": "hole-nonstandard"}, tmp_path / "o.step", lambda _step: {})
    assert outcome.outcome == NO_EDIT
    assert outcome.reason


def test_what_ran_out_of_time_says_what_was_tried(tmp_path: Path) -> None:
    def never(_body: Body) -> Body:
        raise EditError("it does not fit")

    edits = [Candidate(name, {}, never, REGION, EITHER) for name in ("one", "two", "three")]
    situation = Situation(body(PART), {"findings": [], "features": []})
    with mock.patch.dict(RECIPES, {"x": lambda *_: iter(edits)}), mock.patch("workers.fixes.proof.PATIENCE_SECONDS", 0):
        outcome = try_fix(situation, {"id": "x", "rule": "x"}, tmp_path / "o.step", lambda _step: {})
    assert [attempt.words for attempt in outcome.attempts] == ["one", "two"]
    assert outcome.outcome == REFUSED
    assert "not tried" in outcome.reason


# Findings before and after.


def told(number: str, severity: str, faces: list[int]) -> JsonObject:
    return {"id": number, "rule": "wall-thin", "severity": severity, "faces": faces, "edges": [], "point": [0, 0, 0]}


def test_a_finding_that_becomes_graver_counts_as_new() -> None:
    solid = body(PART)
    graver = compare(solid, [told("a", "minor", [0])], solid, [told("a", "major", [0])])
    milder = compare(solid, [told("a", "major", [0])], solid, [told("a", "minor", [0])])
    assert [finding["id"] for finding in graver.new] == ["a"]
    assert graver.cleared == milder.cleared == []
    assert milder.new == []


def test_a_finding_is_known_again_by_most_of_its_faces() -> None:
    solid = body(PART)
    before = [told("a", "minor", [0, 1, 2])]
    assert compare(solid, before, solid, [told("b", "minor", [0, 1])]).same == {"a": "b"}
    other = compare(solid, before, solid, [told("b", "minor", [0, 3, 4])])
    assert other.cleared == ["a"]
    assert [finding["id"] for finding in other.new] == ["b"]


# Recipes one after the other.


def refuse(why: str) -> Iterator[Candidate]:
    yield from ()
    raise NoEditError(why)


def test_the_first_reason_is_told_only_if_nothing_was_proposed() -> None:
    candidate = Candidate("edit", {}, lambda start: start, REGION, ADDS)
    assert list(one_after_the_other(refuse("one"), iter([candidate]))) == [candidate]
    with pytest.raises(NoEditError, match="one"):
        list(one_after_the_other(refuse("one"), refuse("two")))


# The volume is measured where the edit was made.


def test_a_small_edit_is_measured_right_far_from_the_origin() -> None:
    far = PART.moved((3000.0, -2000.0, 1000.0))
    notch = block(0.2, 0.2, 0.2).moved((3059.8, -1960.2, 1019.8))
    middle = np.array([3059.9, -1960.1, 1019.9])
    change = body(far.cut(notch)).volume_about(middle) - body(far).volume_about(middle)
    assert change == pytest.approx(-(0.2**3), rel=1e-6)


def test_faces_that_cannot_be_taken_off_are_told() -> None:
    solid = body(block(10.0, 10.0, 10.0))
    with pytest.raises(EditError, match="do not meet"):
        without_faces(solid, [0, 1])


# Wherever the part lies, and however its faces are numbered.

DEFECTS = block(100.0, 80.0, 40.0).cut(
    pocket(40.0, 30.0, 12.0, (50.0, 40.0, 40.0)),
    drill(5.0, 25.0, (10.0, 10.0, 40.0)),
    block(60.0, 2.5, 4.0, (20, 70, 36)),
)
RULES = ("corner-radius", "hole-depth", "pocket-narrow-region")
angle, shift = st.floats(-180.0, 180.0), st.tuples(*[st.floats(-200.0, 200.0)] * 3)


@cache
def at_home(rule: str) -> Tried:
    return tried(DEFECTS, rule)


def assert_same_outcome(solid: Solid, rule: str) -> None:
    """By a part that was only moved or renumbered: the same edits are tried, and the same one is proven."""
    here, there = at_home(rule), tried(solid, rule)
    assert there.outcome["outcome"] == here.outcome["outcome"] == "cleared"
    assert there.outcome["figures"] == pytest.approx(here.outcome["figures"], abs=1e-4)
    assert [a["words"] for a in there.outcome["attempts"]] == [a["words"] for a in here.outcome["attempts"]]
    assert change_of(there) == pytest.approx(change_of(here), rel=1e-5)


@SLOW
@given(by=shift, axis=st.sampled_from([(1.0, 0.0, 0.0), (1.0, 2.0, 3.0), (0.0, 0.0, 1.0)]), degrees=angle)
def test_a_part_that_lies_elsewhere_has_the_same_outcome(
    by: tuple[float, float, float], axis: tuple[float, float, float], degrees: float
) -> None:
    for rule in RULES:
        assert_same_outcome(DEFECTS.moved(by, axis, degrees), rule)


@SLOW
@given(seed=st.integers(0, 2**16))
def test_a_part_whose_faces_are_numbered_otherwise_has_the_same_outcome(seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(body(DEFECTS).faces.kind)).tolist()
    for rule in RULES:
        assert_same_outcome(DEFECTS.renumbered(order), rule)


@given(seed=st.integers(0, 2**16))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_walls_are_gone_around_in_one_order_however_they_are_numbered(seed: int) -> None:
    """Which of them are cut back first must not hang on the numbers of the faces."""
    solid = block(20.0, 20.0, 20.0).cut(pocket(4.0, 3.0, 5.0, (10.0, 10.0, 20.0)))
    order = np.random.default_rng(seed).permutation(len(body(solid).faces.kind)).tolist()
    renumbered = body(solid.renumbered(order))
    inside = np.all(np.abs(np.hstack(face_boxes(renumbered))[:, [0, 1, 3, 4]] - 10.0) < 3.0, axis=1)
    walls = upright_walls(renumbered, np.flatnonzero(inside).tolist(), np.array([0.0, 0.0, 1.0]))
    assert renumbered.faces.axis[walls].round(6).tolist() == [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]]
