"""Two hundred who ask at the same moment, and a queue that does not take them all."""

from loadtests.bench import Bench
from loadtests.names import ENDED, REFUSED
from loadtests.report import Row, counted
from loadtests.running_locust import locust
from tests.stack.queue_watch import most_in_queue
from tests.stack.running import Stack

BOUND, CROWD = 100, 200
SETTINGS = {"RAPIDDRAFT_MAX_QUEUED_JOBS": str(BOUND), "RAPIDDRAFT_MAX_QUEUED_JOBS_PER_USER": str(BOUND)}


def overload(bench: Bench, stack: Stack) -> list[Row]:
    """Each asks for the review of a part of its own; some are refused, and every other one gets its review."""
    token = stack.api.headers["Authorization"].removeprefix("Bearer ")
    folder = bench.folder / "overload"
    options = {"crowd": CROWD, "parts": bench.parts.small}
    with (
        most_in_queue(stack.data) as most,
        locust(str(stack.api.base_url), token, folder, "overload", **options) as test,
    ):
        result = test.result()
    counts = {name: request["count"] for name, request in result["requests"].items()}
    ended, refused = counts.get(ENDED, 0), counts.get(REFUSED, 0)
    errors = result["errors"]
    # Beside those in the queue, each core has one under way, and some end while others still ask.
    is_bounded = 0 < refused <= CROWD - BOUND
    return [
        Row(
            f"{CROWD} reviews at once on a queue of {BOUND}: refused with 429 and Retry-After",
            "some, none too early",
            f"{refused} refused",
            is_bounded,
            is_speed=False,
        ),
        Row(
            "the same: most unfinished jobs at once",
            f"some, ≤ {BOUND}",
            f"{max(most)}",
            0 < max(most) <= BOUND,
            is_speed=False,
        ),
        Row(
            "the same: every accepted one finishes, no error, no 5xx",
            "all",
            f"{ended} accepted and ended, {counted(errors)}",
            not errors and ended + refused == CROWD,
            is_speed=False,
        ),
    ]
