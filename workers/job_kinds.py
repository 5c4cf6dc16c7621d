"""What is done for a job of each kind, and how urgent it is."""

from collections.abc import Mapping
from dataclasses import dataclass

from server.stores.dfm_review_jobs import JobKind


@dataclass(frozen=True)
class KindOfJob:
    """`target` is what the sandbox child calls; a job of a lesser `priority` goes first; `actor` has its messages.

    `done` is what its history says of it in the end.
    """

    target: str
    actor: str
    priority: int
    done: str


JOB_KINDS: Mapping[JobKind, KindOfJob] = {
    "review": KindOfJob("workers.review:review_in_sandbox", "run_review", 0, "reviewed"),
    "report": KindOfJob("workers.report.job:report_in_sandbox", "run_report", 5, "a report was drawn"),
    "candidate": KindOfJob("workers.fixes.sandboxed:candidate_in_sandbox", "run_candidate", 5, "an edit was tried"),
    # Mostly measured before anybody asks for them, so they can wait for what somebody asked for.
    "part_facts": KindOfJob("workers.part_facts:part_facts_in_sandbox", "run_part_facts", 10, "facts were measured"),
}
