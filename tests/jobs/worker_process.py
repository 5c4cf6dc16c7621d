"""`python -m workers` with these tests' stand-in for the engine."""

from unittest import mock

from tests.job_targets import done_by
from tests.jobs.conftest import REVIEW
from workers import __main__, actors, reconciler

if __name__ == "__main__":
    with (
        done_by("review", REVIEW),
        mock.patch.object(actors, "PRELOAD", ()),
        mock.patch.object(__main__, "_self_checks", lambda *_settings: {}),
        mock.patch.object(reconciler, "INTERVAL_SECONDS", 0.2),
        mock.patch.object(reconciler, "SENDING_SECONDS", 1.0),
    ):
        __main__.main()
