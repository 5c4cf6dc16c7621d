"""The same review again: answered from the run that is kept, as long as it is what a new one would be."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from server.data_folder import DataFolder
from server.main import create_app
from server.services import Services
from server.settings import Settings
from server.stores.dfm_review_jobs import Job, JobError, JobState
from tests.server.conftest import STEP
from workers.engine_digest import engine_digest

HIT, MISS, ANEW = "rapiddraft; hit", "rapiddraft; fwd=miss", "rapiddraft; fwd=request"
NO_CACHE = {"Cache-Control": "max-age=0, No-Cache"}

Ask = Callable[..., Response]


@pytest.fixture
def ask(client: TestClient, model_id: str) -> Ask:
    """Asks for a review of the model, without waiting for a new one."""

    def ask(body: dict[str, str] | None = None, model: str = model_id, **headers: str) -> Response:
        headers = {"Prefer": "respond-async", **headers}
        answer: Response = client.post(f"/api/models/{model}/dfm/review-v2", json=body, headers=headers)
        return answer

    return ask


@pytest.fixture
def kept(services: Services, ask: Ask) -> Callable[..., Job]:
    """Has a review made by the present engine, or the one named; its job."""

    def kept(body: dict[str, str] | None = None, engine: str | None = "present") -> Job:
        asked = ask(body, **NO_CACHE)
        assert asked.status_code == 202, asked.text
        return succeed(services, asked.json()["id"], engine)

    return kept


def succeed(services: Services, job_id: str, engine: str | None = "present") -> Job:
    """What the worker does."""
    job = services.jobs.transition(job_id, JobState.RUNNING, reason="taken")
    services.runs.add(job.model_id, job.id, {"schema": "rapiddraft.review/1", "by": job.id}, job_id=job.id)
    digest = engine_digest(services.settings.rules_dir) if engine == "present" else engine
    return services.jobs.transition(job.id, JobState.SUCCEEDED, reason="reviewed", run_id=job.id, engine=digest)


def jobs(services: Services) -> int:
    return len(services.jobs.list(limit=100).items)


def files(data: DataFolder) -> dict[Path, int]:
    """When each file and each folder was last changed; a lock that came and went has changed its folder."""
    return {path: path.stat().st_mtime_ns for path in data.root.rglob("*") if data.cache not in (path, *path.parents)}


@pytest.mark.parametrize("headers", [{}, {"Prefer": "respond-async"}, {"Prefer": "wait=0"}])
def test_the_kept_review_is_the_answer(
    client: TestClient, model_id: str, services: Services, kept: Callable[..., Job], headers: dict[str, str]
) -> None:
    job = kept()
    answer = client.post(f"/api/models/{model_id}/dfm/review-v2", headers=headers)
    assert (answer.status_code, answer.headers["cache-status"]) == (200, HIT)
    assert answer.headers["content-location"] == f"/api/models/{model_id}/analysis-runs/{job.id}"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["link"] == f'</api/jobs/{job.id}>; rel="status"'
    assert answer.headers["job-shared"] == "true"
    assert "respond-async" not in answer.headers.get("preference-applied", "")
    assert answer.content == client.get(answer.headers["content-location"]).content
    assert answer.json() == {"schema": "rapiddraft.review/1", "by": job.id}
    assert jobs(services) == 1


def test_it_writes_nothing(services: Services, ask: Ask, kept: Callable[..., Job]) -> None:
    kept()
    before = files(services.data)
    assert ask().headers["cache-status"] == HIT
    assert files(services.data) == before
    ask(**NO_CACHE)
    assert files(services.data) != before, "a new one does"


def test_nothing_is_parsed_for_it(services: Services, ask: Ask, kept: Callable[..., Job]) -> None:
    kept()
    with mock.patch.object(services.runs, "get", side_effect=AssertionError):
        assert ask().headers["cache-status"] == HIT


def test_no_cache_has_a_new_one_made(services: Services, ask: Ask, kept: Callable[..., Job]) -> None:
    first = kept()
    second = ask(**NO_CACHE)
    assert (second.status_code, second.headers["cache-status"]) == (202, ANEW)
    assert second.json()["id"] != first.id
    joined = ask(**NO_CACHE)
    assert (joined.json()["id"], joined.headers["cache-status"]) == (second.json()["id"], f"{ANEW}; collapsed")
    assert (joined.headers["job-shared"], second.headers["job-shared"]) == ("true", "false")
    assert ask().headers["cache-status"] == f"{MISS}; collapsed", "what is under way is newer than what is kept"
    succeed(services, second.json()["id"])
    assert ask().json()["by"] == second.json()["id"]


def test_each_configuration_is_another_review(ask: Ask) -> None:
    bodies: list[dict[str, str]] = [{}, {"limits": "mtk"}, {"material": "abs"}, {"process": "cnc_turning"}]
    bodies.append({"limits": "mtk", "material": "abs"})
    assert [ask(body).headers["cache-status"] for body in bodies] == [MISS] * 5


def test_each_configuration_has_its_own_answer(ask: Ask, kept: Callable[..., Job]) -> None:
    wanted = [{}, {"limits": "mtk"}, {"material": "abs"}, {"process": "cnc_turning"}, {"process": "auto"}]
    made = [kept(body).id for body in wanted]
    answers = [ask(body) for body in wanted]
    assert {answer.headers["cache-status"] for answer in answers} == {HIT}
    # `auto` is what is asked for without a word, and was made last.
    assert [answer.json()["by"] for answer in answers] == [made[-1], *made[1:]]


@pytest.mark.parametrize("engine", [None, "another"])
def test_what_another_engine_made_is_made_again(
    services: Services, ask: Ask, kept: Callable[..., Job], engine: str | None
) -> None:
    first = kept(engine=engine)
    again = ask()
    assert (again.status_code, again.headers["cache-status"]) == (202, MISS)
    assert again.json()["id"] != first.id
    succeed(services, again.json()["id"])
    assert ask().headers["cache-status"] == HIT


@pytest.mark.parametrize("ended", [JobState.FAILED, JobState.CANCELLED, JobState.DEAD])
def test_a_job_that_ended_without_a_review_is_no_answer(services: Services, ask: Ask, ended: JobState) -> None:
    job_id = ask().json()["id"]
    error = JobError(code="worker_lost", title="", detail="", advice="")
    services.jobs.transition(job_id, ended, reason="", error=error)
    again = ask()
    assert (again.status_code, again.headers["cache-status"]) == (202, MISS)
    assert again.json()["id"] != job_id


def test_a_job_brought_back_is_the_latest(services: Services, ask: Ask, kept: Callable[..., Job]) -> None:
    failed = ask().json()["id"]
    error = JobError(code="worker_lost", title="", detail="", advice="")
    services.jobs.transition(failed, JobState.DEAD, reason="", error=error)
    kept()
    services.jobs.bring_back(failed, reason="an operator")
    assert (ask().json()["id"], ask().headers["cache-status"]) == (failed, f"{MISS}; collapsed")
    succeed(services, failed)
    assert (ask().json()["by"], ask().headers["cache-status"]) == (failed, HIT)


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("damage", ["gone", "unreadable", "newer"])
def test_a_run_that_cannot_be_read_is_made_again(
    services: Services, ask: Ask, kept: Callable[..., Job], damage: str, cached: bool
) -> None:
    job = kept()
    run = services.data.model(job.model_id) / "runs" / f"{job.id}.json"
    match damage:
        case "gone":
            run.unlink()
        case "unreadable":
            run.write_bytes(run.read_bytes()[:-9])
        case "newer":
            frame = json.loads(run.read_bytes()) | {"version": 99}
            with mock.patch("server.stores.documents.Stored.sha256", frame["sha256"]):
                run.write_bytes(json.dumps(frame).encode())
    if not cached:
        shutil.rmtree(services.data.cache)
    again = ask()
    if cached and damage != "gone":
        assert again.json()["by"] == job.id, "the cache has it as it was"
        return
    assert (again.status_code, again.headers["cache-status"]) == (202, MISS)
    succeed(services, again.json()["id"])
    assert ask().headers["cache-status"] == HIT


def test_a_model_that_was_removed_is_not_answered_and_its_successor_is_another(
    client: TestClient, model_id: str, services: Services, ask: Ask, kept: Callable[..., Job]
) -> None:
    run = f"/api/models/{model_id}/analysis-runs/{kept().id}"
    assert client.get(run).status_code == 200
    assert any(services.data.cache.glob("[!.]*"))
    client.delete(f"/api/models/{model_id}")
    assert ask().status_code == client.get(run).status_code == 404
    assert client.get(run, headers={"If-None-Match": "*"}).status_code == 404
    assert list(services.data.cache.glob("[!.]*")) == []
    uploaded = client.post("/api/models?name=bracket.step", content=STEP).json()["id"]
    assert ask(model=uploaded).headers["cache-status"] == MISS


def test_who_looked_before_another_asked_shares_what_the_other_got(
    services: Services, ask: Ask, kept: Callable[..., Job]
) -> None:
    job = kept()
    with mock.patch.object(services.jobs, "latest", return_value=None):
        answer = ask()
    assert (answer.status_code, answer.json()["by"]) == (200, job.id)
    assert answer.headers["cache-status"] == f"{MISS}; collapsed"
    assert jobs(services) == 1


@pytest.fixture
def shop(settings: Settings, tmp_path: Path) -> Iterator[tuple[FastAPI, TestClient, Path]]:
    """An application with a shop's rules, and their file."""
    rules = tmp_path / "shop.toml"
    rules.write_text('process = "cnc_milling"\n[configurations]\nfine = "default"\n"default/abs" = "default"\n')
    app = create_app(settings.model_copy(update={"rules_dir": str(tmp_path)}))
    with TestClient(app) as client:
        client.headers["Authorization"] = f"Bearer {app.state.services.gate.admin_token}"
        client.headers["Prefer"] = "respond-async"
        yield app, client, rules


def test_a_changed_rule_file_is_another_engine(shop: tuple[FastAPI, TestClient, Path]) -> None:
    app, client, rules = shop
    model = client.post("/api/models", content=STEP).json()["id"]

    def ask(body: dict[str, str]) -> Any:  # noqa: ANN401 - a response
        return client.post(f"/api/models/{model}/dfm/review-v2", json=body)

    succeed(app.state.services, ask({"limits": "fine"}).json()["id"])
    assert ask({"limits": "fine"}).headers["cache-status"] == HIT
    rules.write_text(rules.read_text().replace("fine =", 'coarse = "default"\nfine ='))
    assert ask({"limits": "fine"}).headers["cache-status"] == MISS
    services: Services = app.state.services
    [under_way] = [job for job in services.jobs.list(limit=9).items if not job.state.is_final]
    succeed(services, under_way.id)
    assert ask({"limits": "fine"}).headers["cache-status"] == HIT
    rules.write_text(rules.read_text().replace("\nfine =", "\nfiner ="))
    assert ask({"limits": "fine"}).status_code == 422, "there is none of that name any more"


def test_limits_with_a_stroke_in_their_name_are_no_material(shop: tuple[FastAPI, TestClient, Path]) -> None:
    _, client, _ = shop
    model = client.post("/api/models", content=STEP).json()["id"]
    bodies: list[dict[str, str]] = [{"limits": "default/abs"}, {"limits": "default", "material": "abs"}]
    first, second = [client.post(f"/api/models/{model}/dfm/review-v2", json=body).json()["id"] for body in bodies]
    assert first != second


def test_a_run_is_sent_once(client: TestClient, model_id: str, kept: Callable[..., Job]) -> None:
    run = f"/api/models/{model_id}/analysis-runs/{kept().id}"
    first = client.get(run)
    tag = first.headers["etag"]
    assert not tag.startswith("W/") and "immutable" in first.headers["cache-control"]
    for held in (tag, f'"other", W/{tag}', "*"):
        again = client.get(run, headers={"If-None-Match": held})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert "immutable" in again.headers["cache-control"]
    other = client.get(run, headers={"If-None-Match": '"other"'})
    assert (other.status_code, other.content) == (200, first.content)
    missing = client.get(f"{run[:-1]}{'A' if run[-1] != 'A' else 'B'}", headers={"If-None-Match": "*"})
    assert (missing.status_code, missing.json()["code"]) == (404, "analysis_run_not_found")


def test_without_a_cache_all_is_the_same(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"cache_mb": 0}))
    with TestClient(app) as client:
        client.headers["Authorization"] = f"Bearer {app.state.services.gate.admin_token}"
        model = client.post("/api/models", content=STEP).json()["id"]
        url = f"/api/models/{model}/dfm/review-v2"
        job = succeed(app.state.services, client.post(url, headers={"Prefer": "respond-async"}).json()["id"])
        answer = client.post(url)
        assert (answer.headers["cache-status"], answer.json()["by"]) == (HIT, job.id)
        assert client.get(answer.headers["content-location"]).content == answer.content
        assert not app.state.services.data.cache.exists()


def test_openapi_tells_of_it(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    review = paths["/api/models/{model_id}/dfm/review-v2"]["post"]
    assert "cache-control" in {parameter["name"] for parameter in review["parameters"]}
    assert all("Cache-Status" in review["responses"][status]["headers"] for status in ("200", "202"))
    run = paths["/api/models/{model_id}/analysis-runs/{run_id}"]["get"]
    assert "if-none-match" in {parameter["name"] for parameter in run["parameters"]}
    assert "304" in run["responses"] and "ETag" in run["responses"]["200"]["headers"]
