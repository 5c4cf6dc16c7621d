"""Which series a soak judges, and which it only quotes."""

import pytest

from loadtests.soak_samples import allowed


@pytest.mark.parametrize(
    "series", ["API worker: resident MB", "worker: open files", "WAL MB", "temporary files", "zombies"]
)
def test_what_may_not_grow_is_judged(series: str) -> None:
    assert allowed(series)


@pytest.mark.parametrize("series", ["fork server: own MB", "job documents", "cache MB", "models"])
def test_what_grows_by_design_is_quoted(series: str) -> None:
    assert allowed(series) is None
