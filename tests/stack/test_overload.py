"""More reviews at once than the queue takes: some are accepted and all of these end, others are told when to ask."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.stack.queue_watch import most_in_queue
from tests.stack.running import SAMPLE, Stack, running_stack

pytestmark = pytest.mark.stack

BOUND = 4
AT_ONCE = 16


def copies(stack: Stack, folder: Path) -> list[str]:
    head, rest = SAMPLE.read_text().split("\n", 1)
    ids = []
    for number in range(AT_ONCE):
        copy = folder / f"copy-{number}.step"
        copy.write_text(f"{head}\n/* overload {number} */\n{rest}")
        ids.append(stack.upload(copy).raise_for_status().json()["id"])
    return ids


def test_what_is_too_much_is_refused_and_what_is_accepted_ends(data: Path, tmp_path: Path) -> None:
    with running_stack(data, RAPIDDRAFT_MAX_QUEUED_JOBS=str(BOUND)) as stack:
        stack.wait_until_ready()
        models = copies(stack, tmp_path)
        with most_in_queue(data) as most:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                answers = list(pool.map(stack.ask_for_review, models))
            accepted = [answer.json()["id"] for answer in answers if answer.status_code == 202]
            ended = [stack.ended_job(job_id, seconds=60) for job_id in accepted]
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(accepted) + len(refused) == AT_ONCE
        assert len(accepted) >= BOUND and refused
        for answer in refused:
            assert answer.json()["code"] == "queue_full"
            assert 1 <= int(answer.headers["retry-after"]) <= 120
        assert [job["state"] for job in ended] == ["succeeded"] * len(accepted)
        assert most == [BOUND]
        written = stack.api.get("/api/admin/jobs", params={"limit": 200}).raise_for_status().json()["items"]
        others = [job for job in written if job["id"] not in accepted]
        assert all(job["state"] == "failed" and job["error"]["code"] == "queue_full" for job in others)
        again = stack.ask_for_review(models[answers.index(refused[0])])
        assert again.status_code == 202 and stack.ended_job(again.json()["id"], 60)["state"] == "succeeded"
