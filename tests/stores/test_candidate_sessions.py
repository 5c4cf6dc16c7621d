"""Candidate sessions: edits proposed, decided, stacked and taken back; their files whole, or not there."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.data_folder import DataFolder
from server.ids import new_id
from server.stores.analysis_runs import AnalysisRuns
from server.stores.backup import back_up, restore
from server.stores.dfm_candidate_session_store import (
    MOST_CANDIDATES,
    Candidate,
    CandidateSession,
    CandidateState,
    SessionRefusesError,
    SessionState,
    folder_of,
)
from server.stores.documents import Document
from server.stores.errors import (
    AlreadyExistsError,
    DamagedDocumentError,
    NotFoundError,
    RevisionConflictError,
)
from server.stores.leftovers import sweep
from server.stores.model_documents import locked_model, log_of, recover
from server.stores.model_store import ModelStore
from server.stores.verify import verify
from tests.stores.crashing import crash_after
from tests.stores.making import STEP, make_model
from tests.stores.sessions import make_session, proposed, refused, sessions_in

ACCEPTED, REJECTED = CandidateState.ACCEPTED, CandidateState.REJECTED


@pytest.fixture
def model_id(data: DataFolder) -> str:
    return make_model(data)


@pytest.fixture
def session_id(data: DataFolder, model_id: str) -> str:
    return make_session(data, model_id)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """Where a worker's child writes."""
    return tmp_path / "made"


def accept_one(data: DataFolder, model_id: str, session_id: str, made: Path, number: str, on: str | None) -> Candidate:
    candidate, files = proposed(made, number, on=on)
    sessions = sessions_in(data)
    sessions.add(model_id, session_id, candidate, files)
    sessions.decide(model_id, session_id, candidate.id, ACCEPTED, who="eve", reason="it is cheaper")
    return candidate


def part_bytes(data: DataFolder, model_id: str, session: CandidateSession) -> bytes:
    return sessions_in(data).present_part(model_id, session).path.read_bytes()


def findings(data: DataFolder, model_id: str, session: CandidateSession) -> list[str]:
    return [finding.id for finding in sessions_in(data).present_findings(model_id, session)]


def test_it_begins_with_the_part_and_the_findings_of_its_run(data: DataFolder, model_id: str, session_id: str) -> None:
    sessions = sessions_in(data)
    session = sessions.get(model_id, session_id).content
    assert (session.process, session.limits, session.material) == ("cnc_milling", "mtk", "abs")
    assert (session.state, session.author) == (SessionState.OPEN, "ann")
    assert part_bytes(data, model_id, session) == STEP
    assert findings(data, model_id, session) == ["f1", "f2", "f3"]
    other = make_session(data, model_id)
    assert [listed.id for listed in sessions.list(model_id, limit=10).items] == [other, session_id]
    with pytest.raises(NotFoundError, match="candidate session"):
        sessions.get(model_id, new_id())


@pytest.mark.parametrize(
    ("solids", "process"),
    [(["cnc_turning"], "cnc_turning"), (["cnc_turning"] * 2, "cnc_turning"), (["cnc_milling", "cnc_turning"], "auto")],
)
def test_it_stays_with_the_process_of_its_run(data: DataFolder, model_id: str, solids: list[str], process: str) -> None:
    choice = {"asked": "auto", "parts": [{"process": solid} for solid in solids]}
    review: dict[str, Any] = {
        "process": solids[-1],
        "process_choice": choice,
        "limits": "default",
        "material": None,
        "findings": [],
    }
    run = AnalysisRuns(data).add(model_id, new_id(), review, job_id="j")
    assert sessions_in(data).create(model_id, run, author="ann").content.process == process


def test_none_begins_on_a_run_that_is_removed_meanwhile(data: DataFolder, model_id: str) -> None:
    runs = AnalysisRuns(data)
    run = runs.add(model_id, new_id(), {"process": "cnc_milling", "limits": "default", "findings": []}, job_id="j")
    with locked_model(data, model_id) as model_log:
        runs.remove_locked(model_log, run.id, who="retention")
    with pytest.raises(NotFoundError, match="analysis run"):
        sessions_in(data).create(model_id, run, author="ann")
    assert sessions_in(data).list(model_id, limit=10).items == []


def test_accepted_edits_stack_and_are_taken_back(data: DataFolder, model_id: str, session_id: str, made: Path) -> None:
    sessions = sessions_in(data)
    first = accept_one(data, model_id, session_id, made, "f1", None)
    second = accept_one(data, model_id, session_id, made, "f2", first.id)
    session = sessions.get(model_id, session_id).content
    assert session.stack == [first.id, second.id]
    assert part_bytes(data, model_id, session) == f"the part without f2 on {first.id}".encode()
    assert findings(data, model_id, session) == ["f3"]

    session = sessions.undo(model_id, session_id, who="eve", reason="too dear").content
    assert session.stack == [first.id]
    assert part_bytes(data, model_id, session) == b"the part without f1 on None"
    assert findings(data, model_id, session) == ["f2", "f3"]
    assert session.candidate(second.id).state is CandidateState.TAKEN_BACK
    assert [decision.state for decision in session.candidate(second.id).decisions] == ["accepted", "taken_back"]

    session = sessions.undo(model_id, session_id, who="eve", reason="all of it").content
    assert part_bytes(data, model_id, session) == STEP
    with pytest.raises(SessionRefusesError, match="No edit"):
        sessions.undo(model_id, session_id, who="eve", reason="more")
    # What was taken back is still there to look at.
    assert sessions.part_of(model_id, session, second).read_bytes() == f"the part without f2 on {first.id}".encode()
    assert verify(data).findings == []


def test_the_log_has_who_what_and_why(data: DataFolder, model_id: str, session_id: str, made: Path) -> None:
    sessions = sessions_in(data)
    accept_one(data, model_id, session_id, made, "f1", None)
    sessions.undo(model_id, session_id, who="dan", reason="too dear")
    candidate, files = proposed(made, "f1")
    sessions.add(model_id, session_id, candidate, files)
    sessions.decide(model_id, session_id, candidate.id, REJECTED, who="eve", reason="it looks odd")
    sessions.add(model_id, session_id, refused("f2"), None)
    sessions.close(model_id, session_id, SessionState.REJECTED, who="fay", reason="another part is used")
    told = list(log_of(data, model_id).entries())[3:]
    assert [(entry.what.removeprefix("candidate_session."), entry.who) for entry in told] == [
        ("candidate_proposed", "bob"),
        ("candidate_accepted", "eve"),
        ("edit_taken_back", "dan"),
        ("candidate_proposed", "bob"),
        ("candidate_rejected", "eve"),
        ("candidate_refused", "bob"),
        ("rejected", "fay"),
    ]
    reasons = {1: "it is cheaper", 2: "too dear", 4: "it looks odd", 6: "another part is used"}
    for number, reason in reasons.items():
        assert reason in str(told[number].changes)


def test_one_candidate_at_a_time(data: DataFolder, model_id: str, session_id: str, made: Path) -> None:
    sessions = sessions_in(data)
    candidate, files = proposed(made, "f1")
    sessions.add(model_id, session_id, candidate, files)
    other, files = proposed(made, "f2")
    refusals: list[Callable[[], object]] = [
        lambda: sessions.add(model_id, session_id, other, files),
        lambda: sessions.undo(model_id, session_id, who="eve", reason="r"),
        lambda: sessions.close(model_id, session_id, SessionState.REJECTED, who="eve", reason="r"),
    ]
    for refusal in refusals:
        with pytest.raises(SessionRefusesError) as error:
            refusal()
        assert error.value.code == "candidate_undecided"
    assert files.part.exists(), "nothing was taken of what was refused"
    assert verify(data).findings == []


def test_what_was_edited_meanwhile_takes_no_candidate_of_before(
    data: DataFolder, model_id: str, session_id: str, made: Path
) -> None:
    late, late_files = proposed(made.parent / "late", "f2")
    accept_one(data, model_id, session_id, made, "f1", None)
    with pytest.raises(SessionRefusesError) as error:
        sessions_in(data).add(model_id, session_id, late, late_files)
    assert error.value.code == "session_changed"


def test_the_same_candidate_is_added_once(data: DataFolder, model_id: str, session_id: str, made: Path) -> None:
    candidate = accept_one(data, model_id, session_id, made, "f1", None)
    again, files = proposed(made, "f1", id_=candidate.id)
    with pytest.raises(AlreadyExistsError):
        sessions_in(data).add(model_id, session_id, again, files)
    assert len(sessions_in(data).get(model_id, session_id).content.candidates) == 1


@pytest.mark.parametrize("state", [ACCEPTED, REJECTED])
def test_a_candidate_is_decided_once(
    data: DataFolder, model_id: str, session_id: str, made: Path, state: CandidateState
) -> None:
    sessions = sessions_in(data)
    candidate, files = proposed(made, "f1")
    revision = sessions.add(model_id, session_id, candidate, files).revision
    with pytest.raises(RevisionConflictError):
        sessions.decide(
            model_id, session_id, candidate.id, state, who="eve", reason="r", expected=frozenset({revision - 1})
        )
    sessions.decide(model_id, session_id, candidate.id, state, who="eve", reason="r", expected=frozenset({revision}))
    for again in (ACCEPTED, REJECTED):
        with pytest.raises(SessionRefusesError) as error:
            sessions.decide(model_id, session_id, candidate.id, again, who="eve", reason="r")
        assert error.value.code == "candidate_decided"
    with pytest.raises(NotFoundError, match="candidate"):
        sessions.decide(model_id, session_id, new_id(), state, who="eve", reason="r")


def test_a_refused_one_says_why_and_has_no_part(data: DataFolder, model_id: str, session_id: str) -> None:
    sessions = sessions_in(data)
    candidate = refused("f1")
    session = sessions.add(model_id, session_id, candidate, None).content
    with pytest.raises(SessionRefusesError, match="no bounded edit was found"):
        sessions.part_of(model_id, session, candidate)
    with pytest.raises(SessionRefusesError, match="refused"):
        sessions.decide(model_id, session_id, candidate.id, ACCEPTED, who="eve", reason="r")
    session.check_takes_candidates()


def test_a_session_that_is_closed_stays_so(data: DataFolder, model_id: str, session_id: str, made: Path) -> None:
    sessions = sessions_in(data)
    with pytest.raises(SessionRefusesError) as nothing:
        sessions.close(model_id, session_id, SessionState.ACCEPTED, who="eve", reason="done")
    assert nothing.value.code == "nothing_accepted"
    first = accept_one(data, model_id, session_id, made, "f1", None)
    closed = sessions.close(model_id, session_id, SessionState.ACCEPTED, who="eve", reason="done").content
    assert closed.decision is not None
    assert (closed.state, closed.decision.who, closed.decision.reason) == (SessionState.ACCEPTED, "eve", "done")
    candidate, files = proposed(made, "f2", on=first.id)
    refusals: list[Callable[[], object]] = [
        lambda: sessions.add(model_id, session_id, candidate, files),
        lambda: sessions.undo(model_id, session_id, who="eve", reason="r"),
        lambda: sessions.close(model_id, session_id, SessionState.REJECTED, who="eve", reason="r"),
        lambda: sessions.decide(model_id, session_id, first.id, REJECTED, who="eve", reason="r"),
    ]
    for refusal in refusals:
        with pytest.raises(SessionRefusesError) as error:
            refusal()
        assert error.value.code == "session_closed"
    assert sessions.get(model_id, session_id).content == closed


def test_a_session_takes_so_many_candidates(data: DataFolder, model_id: str, session_id: str) -> None:
    session = sessions_in(data).get(model_id, session_id).content
    full = session.model_copy(update={"candidates": [refused("f1")] * MOST_CANDIDATES})
    with pytest.raises(SessionRefusesError) as error:
        full.check_takes_candidates()
    assert error.value.code == "session_full"


# -- what a crash, a damaged disk, a backup and a removal leave ---------------------------------------------


@pytest.mark.parametrize("again", [False, True], ids=["crash", "and another attempt"])
def test_a_crash_leaves_the_session_as_it_was_or_with_the_candidate_whole(
    data: DataFolder, made: Path, again: bool
) -> None:
    """Whichever two file operations it comes between, and doing it twice has the effect of doing it once."""
    operations = 0
    outcomes = set()
    crashed = True
    while crashed:
        model_id = make_model(data, f"{operations}")
        session_id = make_session(data, model_id)
        before = sessions_in(data).get(model_id, session_id)
        candidate, files = proposed(made, "f1")
        with crash_after(operations) as crash:
            sessions_in(data).add(model_id, session_id, candidate, files)
        crashed = crash.crashed
        assert verify(data).is_good, verify(data).findings
        recover(data)
        after = sessions_in(data).get(model_id, session_id)
        outcomes.add(after.revision)
        assert after == before or after.content.candidates == [candidate]
        if again and crashed:
            after = add_again(data, model_id, session_id, candidate, made)
        if after.content.candidates:
            assert after.content.candidates == [candidate]
            part = sessions_in(data).part_of(model_id, after.content, candidate)
            assert part.read_bytes() == b"the part without f1 on None"
        sweep(data, older_than_seconds=-1.0)
        assert verify(data).findings == []
        assert len(names(data, model_id, session_id)) == 2 * len(after.content.candidates)
        operations += 1
    assert outcomes == {1, 2}
    assert operations > 8


def add_again(
    data: DataFolder, model_id: str, session_id: str, candidate: Candidate, made: Path
) -> Document[CandidateSession]:
    """What the next attempt does, which makes the same files once more."""
    _, files = proposed(made, "f1", id_=candidate.id)
    try:
        sessions_in(data).add(model_id, session_id, candidate, files)
    except AlreadyExistsError:
        assert sessions_in(data).get(model_id, session_id).revision == 2
    return sessions_in(data).get(model_id, session_id)


def test_only_old_files_that_no_session_names_are_swept(
    data: DataFolder, model_id: str, session_id: str, made: Path
) -> None:
    accept_one(data, model_id, session_id, made, "f1", None)
    named = names(data, model_id, session_id)
    folder = folder_of(data, model_id, session_id)
    for name, age in (("old.step", 7200.0), ("new.step", 0.0)):
        (folder / name).write_text("left by a crash")
        os.utime(folder / name, (time.time() - age,) * 2)
    for name in named:
        os.utime(folder / name, (1.0, 1.0))
    assert [(finding.bad, finding.what) for finding in verify(data).findings] == [
        (False, "no candidate session names it")
    ] * 2
    assert sweep(data) == 1
    assert names(data, model_id, session_id) == sorted([*named, "new.step"])


def test_the_sweep_leaves_what_it_cannot_judge(data: DataFolder, model_id: str, session_id: str, made: Path) -> None:
    accept_one(data, model_id, session_id, made, "f1", None)
    folder = folder_of(data, model_id, session_id)
    folder.with_name(f"{session_id}.json").write_text("{")
    before = names(data, model_id, session_id)
    assert sweep(data, older_than_seconds=-1.0) == 0
    assert names(data, model_id, session_id) == before


def damage(path: Path) -> None:
    path.write_bytes(b"damaged")


@pytest.mark.parametrize("harm", [damage, Path.unlink])
@pytest.mark.parametrize("which", ["*.step", "*.json"])
def test_verify_finds_a_damaged_file(
    data: DataFolder, model_id: str, session_id: str, made: Path, which: str, harm: Callable[[Path], None]
) -> None:
    accept_one(data, model_id, session_id, made, "f1", None)
    [path] = folder_of(data, model_id, session_id).glob(which)
    harm(path)
    [found] = verify(data).findings
    assert found.bad and found.where.endswith(path.name)
    session = sessions_in(data).get(model_id, session_id).content
    if harm is Path.unlink:
        with pytest.raises(DamagedDocumentError, match="not there"):
            if which == "*.step":
                sessions_in(data).present_part(model_id, session)
            else:
                sessions_in(data).present_review(model_id, session)


def test_a_backup_has_all_of_it(data: DataFolder, model_id: str, session_id: str, made: Path, tmp_path: Path) -> None:
    accept_one(data, model_id, session_id, made, "f1", None)
    back_up(data, tmp_path / "backup.tar")
    restore(tmp_path / "backup.tar", tmp_path / "restored")
    restored = DataFolder(tmp_path / "restored")
    session = sessions_in(restored).get(model_id, session_id).content
    assert session == sessions_in(data).get(model_id, session_id).content
    assert part_bytes(restored, model_id, session) == b"the part without f1 on None"
    assert findings(restored, model_id, session) == ["f2", "f3"]
    assert verify(restored).findings == []


def test_it_goes_with_its_model(data: DataFolder, model_id: str, session_id: str, made: Path) -> None:
    accept_one(data, model_id, session_id, made, "f1", None)
    ModelStore(data).remove(model_id, who="ann")
    assert [path.name for path in data.removed_model(model_id).iterdir()] == ["activity.jsonl"]
    candidate, files = proposed(made, "f2")
    with pytest.raises(NotFoundError, match="model"):
        sessions_in(data).add(model_id, session_id, candidate, files)


def names(data: DataFolder, model_id: str, session_id: str) -> list[str]:
    folder = folder_of(data, model_id, session_id)
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []
