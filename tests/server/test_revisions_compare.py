"""GET …/analysis-runs/{run}/compare/{later model}/{later run}."""

from typing import Any

from fastapi.testclient import TestClient

from server.ids import new_id
from server.services import Services
from tests.server.conftest import STEP

FINDING = {
    "id": "a",
    "rule": "hole-depth",
    "severity": "minor",
    "title": "Deep hole",
    "measured": {"quantity": "depth", "value": 9.0, "unit": "ratio"},
    "limit": {"comparison": ">", "value": 8.0, "unit": "ratio"},
    "features": [],
    "faces": [1],
    "point": [0.0, 0.0, 0.0],
    "centre": [0.0, 0.0, 0.0],
}


def kept(services: Services, model_id: str, findings: list[dict[str, Any]], process: str = "cnc_milling") -> str:
    box = {"value": [10.0, 10.0, 10.0], "unit": "mm", "where": {"low": [0.0, 0.0, 0.0], "high": [10.0, 10.0, 10.0]}}
    review = {
        "schema": "rapiddraft.review/1",
        "engine": {"rules_digest": "1"},
        "part": {"name": "a.step", "format": "STEP"},
        "process": process,
        "limits": "default",
        "facts": {"bounding_box": box},
        "features": [],
        "findings": findings,
        "summary": {"verdict": "manufacturable"},
    }
    run_id = new_id()
    services.runs.add(model_id, run_id, review, job_id=run_id)
    return run_id


def test_two_runs_of_two_models_are_compared(client: TestClient, model_id: str, services: Services) -> None:
    other = client.post("/api/models", content=STEP).json()["id"]
    before, after = kept(services, model_id, [FINDING]), kept(services, other, [])
    answer = client.get(f"/api/models/{model_id}/analysis-runs/{before}/compare/{other}/{after}")
    assert answer.status_code == 200, answer.text
    result = answer.json()
    assert result["schema"] == "rapiddraft.comparison/1"
    assert result["counts"] == {"cleared": 1, "new": 0, "changed": 0, "same": 0}
    assert result["findings"]["cleared"][0]["rule"] == "hole-depth"
    assert not result["unchanged"]
    back = client.get(f"/api/models/{other}/analysis-runs/{after}/compare/{model_id}/{before}").json()
    assert back["counts"] == {"cleared": 0, "new": 1, "changed": 0, "same": 0}


def test_reviews_for_other_processes_are_a_conflict(client: TestClient, model_id: str, services: Services) -> None:
    before, after = kept(services, model_id, []), kept(services, model_id, [], "fdm")
    answer = client.get(f"/api/models/{model_id}/analysis-runs/{before}/compare/{model_id}/{after}")
    assert answer.status_code == 409
    assert answer.json()["code"] == "not_comparable"
    assert "another process: cnc_milling and fdm" in answer.json()["detail"]
    assert answer.json()["advice"] == "Review both for the same process, and compare these."


def test_what_is_not_there_is_not_found(client: TestClient, model_id: str, services: Services) -> None:
    run = kept(services, model_id, [])
    for earlier, later in ((run, new_id()), (new_id(), run), (run, "x")):
        answer = client.get(f"/api/models/{model_id}/analysis-runs/{earlier}/compare/{model_id}/{later}")
        assert answer.status_code == 404, answer.text
