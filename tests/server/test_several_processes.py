"""POST …/dfm/review-v2 for several processes at once."""

import pytest
from fastapi.testclient import TestClient

from server.review_options import joined
from server.services import Services

ASYNC = {"Prefer": "respond-async"}


def test_a_job_names_them_sorted_and_each_once(client: TestClient, model_id: str, services: Services) -> None:
    url = f"/api/models/{model_id}/dfm/review-v2"
    first = client.post(url, json={"process": ["fdm", "cnc_milling", "fdm"]}, headers=ASYNC)
    assert first.status_code == 202, first.text
    assert first.json()["process"] == "cnc_milling+fdm"
    again = client.post(url, json={"process": ["cnc_milling", "fdm"]}, headers=ASYNC)
    assert (again.json()["id"], again.headers["job-shared"]) == (first.json()["id"], "true")
    assert services.jobs.get(first.json()["id"]).process == "cnc_milling+fdm"
    other = client.post(url, json={"process": ["cnc_milling", "sls"]}, headers=ASYNC)
    assert other.json()["id"] != first.json()["id"]


def test_one_in_a_list_is_asked_for_alone(client: TestClient, model_id: str) -> None:
    url = f"/api/models/{model_id}/dfm/review-v2"
    jobs = [client.post(url, json={"process": process}, headers=ASYNC).json() for process in (["fdm"], "fdm")]
    assert jobs[0]["process"] == "fdm"
    assert jobs[0]["id"] == jobs[1]["id"]


@pytest.mark.parametrize("process", [[], ["auto", "fdm"], ["casting"], ["fdm", "casting"], "fdm+sls", "casting", {}])
def test_what_there_is_not_is_refused(client: TestClient, model_id: str, process: object) -> None:
    answer = client.post(f"/api/models/{model_id}/dfm/review-v2", json={"process": process}, headers=ASYNC)
    assert answer.status_code == 422, answer.text


def test_openapi_tells_of_it(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    kinds = schemas["ReviewRequest"]["properties"]["process"]["oneOf"]
    assert {kind.get("type") for kind in kinds} == {"string", "array"}
    assert "ruled_out" in schemas["ComparedProcess"]["properties"]


def test_names_are_joined() -> None:
    assert joined(["auto"]) == "auto"
    with pytest.raises(ValueError, match="there is no process 'auto' to take here; there are: cnc_milling, "):
        joined(["fdm", "auto"])
    with pytest.raises(ValueError, match="there are: auto, cnc_milling, "):
        joined([""])
