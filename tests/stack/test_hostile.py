"""Files that crash, hang and bloat the kernel end in a clear answer, and disturb nobody."""

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.stack.running import PROJECT, SAMPLE, Stack

HOSTILE = PROJECT.parent / "shared" / "parts" / "hostile"
# The stack's deadline for a review, and waiting for a turn and for being tried again.
ANSWER_SECONDS = 60

pytestmark = [pytest.mark.stack, pytest.mark.corpus]


class Neighbour:
    """Someone who has a good part reviewed over and over, and counts what goes well and what does not."""

    def __init__(self, stack: Stack, model_id: str) -> None:
        self.reviews = 0
        self.failures: list[str] = []
        self._stack, self._model_id = stack, model_id
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> "Neighbour":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.is_set():
            anew = {"Cache-Control": "no-cache"}
            answer = self._stack.api.post(f"/api/models/{self._model_id}/dfm/review-v2", headers=anew)
            if answer.status_code == 200 and answer.json()["findings"]:
                self.reviews += 1
            else:
                self.failures.append(answer.text)


@pytest.mark.skipif(not HOSTILE.is_dir(), reason="../shared/parts/hostile is not there")
def test_hostile_parts_get_a_clear_answer_and_disturb_nobody(stack: Stack) -> None:
    good = stack.upload(SAMPLE).raise_for_status().json()["id"]
    with Neighbour(stack, good) as neighbour:
        answers = {part.name: outcome(stack, part) for part in sorted(HOSTILE.glob("*.st*p"))}
    assert len(answers) > 30
    unclear = {name: answer for name, answer in answers.items() if answer.endswith(("internal_error", "lost"))}
    assert not unclear
    assert not neighbour.failures
    assert neighbour.reviews > 3


def outcome(stack: Stack, part: Path) -> str:
    """How the stack answers a hostile part: `refused: code`, `failed: code` or `reviewed`."""
    uploaded = stack.upload(part)
    if uploaded.is_client_error:
        return f"refused: {uploaded.json()['code']}"
    model_id = uploaded.raise_for_status().json()["id"]
    asked = stack.ask_for_review(model_id).raise_for_status()
    job = stack.ended_job(asked.json()["id"], seconds=ANSWER_SECONDS)
    if job["state"] != "succeeded":
        error: dict[str, Any] = job["error"]
        assert error["detail"]
        assert error["advice"]
        return f"failed: {error['code']}"
    review = stack.api.get(f"/api/models/{model_id}/analysis-runs/{job['run_id']}").raise_for_status().json()
    assert review["part"]["faces"] > 0
    return "reviewed"
