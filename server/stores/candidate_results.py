"""What a job for a candidate leads to: the edit with its proof, in the session that it is for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from server._atomic_json import encode_json
from server.clock import now
from server.stores.dfm_candidate_session_store import (
    Attempt,
    Candidate,
    CandidateSessions,
    CandidateState,
    FindingInBrief,
    NewFiles,
    SessionRefusesError,
    sha256_of,
)
from server.stores.dfm_review_jobs import Job
from workers.errors import PartError

_ON = "on"  # names what the child edits: another attempt may find the session elsewhere
_EDITED = "edited.step"


class CandidateResult:
    """What jobs for candidates lead to: `job.about` is the session, `job.finding` is what the edit is for."""

    def __init__(self, sessions: CandidateSessions) -> None:
        self._sessions = sessions

    def told(self, job: Job, folder: Path) -> dict[str, Any]:
        """The present part, the finding, and where to write. Raises PartError if no edit may be proposed now."""
        session = self._sessions.get(job.model_id, job.about or "").content
        with _as_part_error():
            session.check_takes_candidates()
        part = self._sessions.present_part(job.model_id, session)
        (folder / _ON).write_text(part.candidate or "")
        told = {"finding": job.finding, "output": str(folder / _EDITED)}
        if part.candidate is None:
            return told
        # The cache is swept of what is no model's.
        return told | {"path": str(part.path), "sha256": part.sha256, "cache": None}

    def keep(self, job: Job, result: dict[str, Any], folder: Path) -> None:
        """Add the candidate. Raises AlreadyExistsError, and PartError if the session has gone on meanwhile."""
        on = (folder / _ON).read_text() or None
        files = _new_files(result, folder) if result["outcome"] == "cleared" else None
        candidate = _candidate(job, result, on, files)
        with _as_part_error():
            self._sessions.add(job.model_id, job.about or "", candidate, files)

    def is_kept(self, job: Job) -> bool:
        """Whether the session has the candidate. Raises NotFoundError."""
        session = self._sessions.get(job.model_id, job.about or "").content
        return any(candidate.id == job.id for candidate in session.candidates)


def _candidate(job: Job, result: dict[str, Any], on: str | None, files: NewFiles | None) -> Candidate:
    return Candidate(
        id=job.id,
        finding=result["finding"],
        rule=result["rule"],
        on=on,
        state=CandidateState.PROPOSED if files else CandidateState.REFUSED,
        reason=result["reason"],
        edit=result["edit"],
        figures=result["figures"],
        attempts=[Attempt.model_validate(attempt) for attempt in result["attempts"]],
        cleared=result["cleared"],
        new=[FindingInBrief.model_validate(finding) for finding in result["new"]],
        still=result["still"],
        volume_before=result["volume_before"],
        volume_after=result["volume_after"],
        part_sha256=sha256_of(files.part) if files else None,
        review_sha256=sha256_of(files.review) if files else None,
        author=job.identity,
        created_at=now(),
    )


def _new_files(result: dict[str, Any], folder: Path) -> NewFiles:
    part, review = folder / _EDITED, folder / "review.json"
    if sha256_of(part) != result["sha256"]:
        raise ValueError("the edited part is not the one that was proven")
    review.write_bytes(encode_json(result["review"]))
    return NewFiles(part, review)


@contextmanager
def _as_part_error() -> Iterator[None]:
    """What a session refuses ends the job: another attempt would be refused as well."""
    try:
        yield
    except SessionRefusesError as error:
        raise PartError("session_changed", str(error), "Look at the session, and ask again.") from error
