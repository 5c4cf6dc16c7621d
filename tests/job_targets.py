"""Something else for the jobs of a kind to do."""

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from unittest import mock

from server.stores.dfm_review_jobs import JobKind
from workers.job_kinds import JOB_KINDS


def done_by(kind: JobKind, target: str) -> AbstractContextManager[Any]:
    """While this is entered, jobs of the `kind` are done by the `target`, as the sandbox names it."""
    return mock.patch.dict(JOB_KINDS, {kind: replace(JOB_KINDS[kind], target=target)})
