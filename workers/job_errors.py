"""Why a job ended without a result, for the one who asked for it."""

import logging

from dramatiq.middleware import TimeLimitExceeded

from server._atomic_json import LockTimeoutError
from server.stores.dfm_review_jobs import JobError
from server.stores.errors import NotFoundError
from workers.errors import PartError
from workers.sandbox import ChildCrashed, ChildFailed, ChildLost, ChildOutOfMemory, ChildTimedOut

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 4


def explain(error: BaseException) -> JobError:
    """What went wrong, for the one who asked for the review."""
    if isinstance(error, PartError):
        return JobError(
            code=error.code,
            title="The part cannot be reviewed",
            detail=error.detail,
            advice=error.advice,
        )
    if isinstance(error, ChildCrashed | ChildTimedOut | ChildOutOfMemory):
        title, advice = _PART_TOO_MUCH[error.code]
        return JobError(code=error.code, title=title, detail=f"{error} (stage: {error.stage})", advice=advice)
    if isinstance(error, TimeLimitExceeded):
        title, advice = _PART_TOO_MUCH["timed_out"]
        return JobError(code="timed_out", title=title, detail="The sandbox did not answer.", advice=advice)
    if isinstance(error, ChildFailed):
        log.error("the engine failed on this part", extra={"stage": error.stage, "traceback": error.traceback})
    if isinstance(error, ChildLost):
        return JobError(
            code=error.code,
            title="The reviewing process was lost",
            detail=f"{error} It was tried {MAX_ATTEMPTS} times.",
            advice="Ask for the review again; if that does not help, tell the operator.",
        )
    if isinstance(error, NotFoundError):
        return model_removed(error)
    if isinstance(error, OSError | LockTimeoutError):
        return JobError(
            code="storage_error",
            title="The result could not be stored",
            detail=str(error),
            advice="The operator should check the disk of the data folder (see /readyz).",
        )
    return JobError(
        code="internal_error",
        title="The review failed because of a bug",
        detail=str(error) or type(error).__name__,
        advice="Report it with the request id; the log holds the details.",
    )


def model_removed(error: NotFoundError) -> JobError:
    """Why a job ends whose model is gone."""
    return JobError(
        code="model_removed",
        title="The model was removed",
        detail=str(error),
        advice="Upload the part again to have it reviewed.",
    )


WORKER_LOST_EACH_TIME = JobError(
    code="worker_lost",
    title="The worker was lost",
    detail=f"The worker that reviewed the part went away, {MAX_ATTEMPTS} times.",
    advice="Ask for the review again; if that does not help, tell the operator.",
)

_PART_TOO_MUCH = {
    "kernel_crashed": (
        "The CAD kernel crashed on this part",
        "Export the part again, as AP214 or AP242 and without hidden bodies; if it crashes again, the "
        "geometry is damaged and needs healing in the CAD system.",
    ),
    "timed_out": (
        "The review took too long",
        "Simplify the part (remove threads, text and patterns), or ask the operator to raise "
        "RAPIDDRAFT_SANDBOX_DEADLINE_SECONDS.",
    ),
    "out_of_memory": (
        "The review needed too much memory",
        "Simplify the part or review its bodies one by one, or ask the operator to raise RAPIDDRAFT_SANDBOX_MEMORY_MB.",
    ),
}
