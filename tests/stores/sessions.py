"""Candidate sessions and candidates for the stores' tests."""

import hashlib
from pathlib import Path

from server._atomic_json import encode_json
from server.clock import now
from server.data_folder import DataFolder
from server.ids import new_id
from server.stores.analysis_runs import AnalysisRuns
from server.stores.dfm_candidate_session_store import Candidate, CandidateSessions, CandidateState, NewFiles


def finding(number: str) -> dict[str, str]:
    """A finding of a review, as far as a session looks at it."""
    return {"id": number, "rule": "corner-radius", "severity": "major", "title": "Corner too tight"}


def sessions_in(data: DataFolder) -> CandidateSessions:
    return CandidateSessions(data, AnalysisRuns(data))


def make_session(data: DataFolder, model_id: str) -> str:
    """Begin a session on a run with the findings f1, f2 and f3; its id."""
    run_id = new_id()
    review = {
        "process": "cnc_milling",
        "limits": "mtk",
        "material": {"id": "abs"},
        "findings": [finding("f1"), finding("f2"), finding("f3")],
    }
    run = AnalysisRuns(data).add(model_id, run_id, review, job_id=run_id)
    return sessions_in(data).create(model_id, run, author="ann").content.id


def proposed(folder: Path, number: str, *, on: str | None = None, id_: str = "") -> tuple[Candidate, NewFiles]:
    """A candidate that clears a finding, with its files as a worker leaves them in `folder`."""
    folder.mkdir(exist_ok=True)
    left = [finding(other) for other in ("f1", "f2", "f3") if other > number]
    files = NewFiles(folder / "edited.step", folder / "review.json")
    files.part.write_text(f"the part without {number} on {on}")
    files.review.write_bytes(encode_json({"findings": left}))
    candidate = Candidate(
        id=id_ or new_id(),
        finding=number,
        rule="corner-radius",
        on=on,
        state=CandidateState.PROPOSED,
        edit="raise the radius to 4 mm",
        figures={"radius_to": 4.0},
        cleared=[number],
        still=[other["id"] for other in left],
        volume_before=1000.0,
        volume_after=1010.0,
        part_sha256=hashlib.sha256(files.part.read_bytes()).hexdigest(),
        review_sha256=hashlib.sha256(files.review.read_bytes()).hexdigest(),
        author="bob",
        created_at=now(),
    )
    return candidate, files


def refused(number: str, *, on: str | None = None) -> Candidate:
    """A candidate that came to nothing."""
    return Candidate(
        id=new_id(),
        finding=number,
        rule="corner-radius",
        on=on,
        state=CandidateState.REFUSED,
        reason="no bounded edit was found for this place",
        author="bob",
        created_at=now(),
    )
