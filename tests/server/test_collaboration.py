"""Revisions over HTTP, design reviews, the checklist, and the activity log of it all."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock

import httpx
import pytest
from fastapi.testclient import TestClient

from server._atomic_json import LockTimeoutError
from server.ids import new_id
from server.services import Services
from server.stores.checklists import MAX_ITEMS
from server.stores.verify import verify


@pytest.fixture
def model(model_id: str) -> str:
    return f"/api/models/{model_id}"


@pytest.fixture
def ticket(client: TestClient, model: str) -> str:
    return str(client.post(f"{model}/tickets", json={"title": "a"}).headers["location"])


def patched(client: TestClient, path: str, title: str, if_match: str | None) -> httpx.Response:
    headers = {"If-Match": if_match} if if_match else {}
    answer: httpx.Response = client.patch(path, json={"title": title}, headers=headers)
    return answer


def test_every_write_gives_the_next_etag(client: TestClient, model: str) -> None:
    opened = client.post(f"{model}/tickets", json={"title": "a"})
    path = opened.headers["location"]
    assert opened.headers["etag"] == '"1"'
    assert client.get(path).headers["etag"] == '"1"'
    assert patched(client, path, "b", '"1"').headers["etag"] == '"2"'
    client.post(f"{path}/replies", json={"text": "c"})
    assert client.get(path).headers["etag"] == '"3"'
    assert client.get(model).headers["etag"] == '"1"'


@pytest.mark.parametrize("if_match", ['"1"', '"7", "1"', "*", None])
def test_a_change_for_the_revision_that_is_there(client: TestClient, ticket: str, if_match: str | None) -> None:
    assert patched(client, ticket, "b", if_match).json()["title"] == "b"


@pytest.mark.parametrize("if_match", ['"2"', 'W/"1"', '"a"', "1", '""', '"7", "8"'])
def test_a_change_for_another_revision_is_refused(client: TestClient, ticket: str, if_match: str) -> None:
    answer = patched(client, ticket, "b", if_match)
    assert (answer.status_code, answer.json()["code"]) == (412, "revision_conflict")
    assert answer.headers["etag"] == '"1"'
    assert answer.json()["current_revision"] == 1
    assert client.get(ticket).json()["title"] == "a"


def test_of_two_at_once_one_wins_and_the_other_is_told(client: TestClient, ticket: str) -> None:
    for revision in range(1, 11):
        both = threading.Barrier(2)

        def edit(title: str, revision: int = revision, both: threading.Barrier = both) -> httpx.Response:
            both.wait(10)
            return patched(client, ticket, title, f'"{revision}"')

        with ThreadPoolExecutor(2) as pool:
            answers = dict(zip("xy", pool.map(edit, "xy"), strict=True))
        assert sorted(answer.status_code for answer in answers.values()) == [200, 412]
        [won] = [title for title, answer in answers.items() if answer.status_code == 200]
        shown = client.get(ticket)
        assert (shown.json()["title"], shown.headers["etag"]) == (won, f'"{revision + 1}"')


@pytest.mark.parametrize("held", ['"1"', 'W/"1"', '"0", "1"', "*"])
def test_what_the_client_has_is_not_sent_again(client: TestClient, ticket: str, model: str, held: str) -> None:
    for path in (ticket, model):
        answer = client.get(path, headers={"If-None-Match": held})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", '"1"')


def test_what_the_client_does_not_have_is_sent(client: TestClient, ticket: str) -> None:
    patched(client, ticket, "b", None)
    assert client.get(ticket, headers={"If-None-Match": '"1"'}).json()["title"] == "b"


def test_a_design_review(client: TestClient, model: str, ticket: str) -> None:
    ticket_id = ticket.rpartition("/")[2]
    begun = client.post(
        f"{model}/design-reviews", json={"title": "Gate 2", "participants": ["Ann"], "ticket_ids": [ticket_id]}
    )
    assert (begun.status_code, begun.headers["etag"]) == (201, '"1"')
    path = begun.headers["location"]
    assert client.get(path).json() == begun.json()
    assert begun.json()["decision"] == "pending"

    decided = client.patch(path, json={"decision": "approved"}, headers={"If-Match": '"1"'})
    assert decided.json() | {"decision": "pending", "updated_at": ""} == begun.json() | {"updated_at": ""}
    assert client.patch(path, json={"title": "x"}, headers={"If-Match": '"1"'}).status_code == 412
    assert client.get(path, headers={"If-None-Match": '"2"'}).status_code == 304
    assert client.get(f"{model}/design-reviews").json()["items"] == [decided.json()]

    assert client.delete(path, headers={"If-Match": '"1"'}).status_code == 412
    assert client.delete(path, headers={"If-Match": '"2"'}).status_code == 204
    assert client.get(path).json()["code"] == "design_review_not_found"
    assert client.delete(path).status_code == 404


@pytest.mark.parametrize(
    "body", [{}, {"title": ""}, {"title": "a", "decision": "maybe"}, {"title": "a", "ticket_ids": ["x"]}]
)
def test_a_bad_design_review_is_refused(client: TestClient, model: str, body: dict[str, Any]) -> None:
    assert client.post(f"{model}/design-reviews", json=body).status_code == 422


def test_a_checklist(client: TestClient, model: str) -> None:
    checklist = f"{model}/checklist"
    empty = client.get(checklist)
    assert (empty.json(), empty.headers["etag"]) == ({"items": []}, '"0"')
    first = client.post(f"{checklist}/items", json={"text": "Threads"}, headers={"If-Match": '"0"'})
    assert (first.status_code, first.headers["etag"]) == (201, '"1"')
    assert client.post(f"{checklist}/items", json={"text": "x"}, headers={"If-Match": '"0"'}).status_code == 412
    second = client.post(f"{checklist}/items", json={"text": "Tolerances"}).json()

    item = f"{checklist}/items/{first.json()['id']}"
    done = client.patch(item, json={"state": "done"}, headers={"If-Match": '"2"'})
    assert (done.json()["state"], done.json()["text"], done.headers["etag"]) == ("done", "Threads", '"3"')
    assert client.get(checklist).json()["items"] == [done.json(), second]

    assert client.delete(item, headers={"If-Match": '"2"'}).status_code == 412
    assert client.delete(item).headers["etag"] == '"4"'
    assert client.patch(item, json={"state": "done"}).json()["code"] == "checklist_item_not_found"
    assert client.get(checklist).json()["items"] == [second]


def test_a_checklist_has_an_end(client: TestClient, model: str, services: Services, model_id: str) -> None:
    with mock.patch("server.stores.checklists.MAX_ITEMS", 2):
        answers = [client.post(f"{model}/checklist/items", json={"text": "a"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 409]
    assert answers[2].json()["code"] == "checklist_full"
    assert len(services.reviews.checklists.get(model_id).content.items) == 2 < MAX_ITEMS


def test_of_unknown_models(client: TestClient) -> None:
    model = f"/api/models/{new_id()}"
    for path in ("checklist", "design-reviews", "activity", f"design-reviews/{new_id()}"):
        answer = client.get(f"{model}/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "model_not_found")


def test_everything_is_in_the_activity_log(client: TestClient, model: str, services: Services) -> None:
    ticket = client.post(f"{model}/tickets", json={"title": "a"}, headers={"X-Request-ID": "req-1"}).headers["location"]
    client.patch(ticket, json={"title": "b"})
    client.post(f"{ticket}/replies", json={"text": "c"})
    review = client.post(f"{model}/design-reviews", json={"title": "d"}).headers["location"]
    client.patch(review, json={"decision": "rejected"})
    client.delete(review)
    item = client.post(f"{model}/checklist/items", json={"text": "e"}).json()["id"]
    client.patch(f"{model}/checklist/items/{item}", json={"state": "done"})
    client.delete(f"{model}/checklist/items/{item}")
    run_id = new_id()
    services.runs.add(model.rpartition("/")[2], run_id, {"findings": ["long"]}, job_id=run_id)

    page = client.get(f"{model}/activity").json()
    entries = list(reversed(page["items"]))
    assert page["next_cursor"] is None
    assert [entry["what"] for entry in entries] == [
        "model.created",
        "ticket.created",
        "ticket.changed",
        "ticket.replied",
        "design_review.created",
        "design_review.changed",
        "design_review.removed",
        "checklist.item_added",
        "checklist.item_changed",
        "checklist.item_removed",
        "analysis_run.created",
    ]
    assert [entry["sequence"] for entry in entries] == list(range(1, 12))
    assert [entry["previous"] for entry in entries[1:]] == [entry["hash"] for entry in entries[:-1]]
    assert {entry["who"] for entry in entries[:-1]} == {"admin"}
    assert (entries[1]["request_id"], entries[1]["revision"]) == ("req-1", 1)
    title = [change for change in entries[2]["changes"] if change["path"] == "/title"]
    assert title == [{"path": "/title", "before": "a", "after": "b"}]
    assert entries[6]["changes"][0]["before"]["title"] == "d"
    assert entries[10]["document"] == f"runs/{run_id}"
    assert entries[10]["changes"] == [], "a run is kept once"
    assert verify(services.data).findings == []


def test_the_activity_is_read_in_pages(client: TestClient, model: str, ticket: str) -> None:
    for number in range(10):
        assert client.patch(ticket, json={"text": f"{number}" * 3000}).status_code == 200
    seen: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(f"{model}/activity", params={"limit": 5} | ({"cursor": cursor} if cursor else {})).json()
        assert len(page["items"]) <= 5
        seen += [entry["sequence"] for entry in page["items"]]
        cursor = page["next_cursor"]
        if len(seen) == 5:
            patched(client, ticket, "meanwhile", None)
    assert seen == list(range(12, 0, -1))


@pytest.mark.parametrize("cursor", ["5", "999999999", "-1", "x", "1.0"])
def test_a_cursor_that_is_none_is_refused(client: TestClient, model: str, cursor: str) -> None:
    answer = client.get(f"{model}/activity", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_the_log_of_a_removed_model_stays(client: TestClient, model: str, services: Services) -> None:
    assert client.delete(model).status_code == 204
    entries = client.get(f"{model}/activity").json()["items"]
    assert [entry["what"] for entry in entries] == ["model.removed", "model.created"]
    assert entries[0]["changes"][0]["before"]["uploaded_by"] == "admin"
    assert verify(services.data).findings == []


def test_a_lock_that_is_held_too_long_is_503(client: TestClient, model: str) -> None:
    held = LockTimeoutError("activity.jsonl stayed locked by another request for 10 s; try again.")
    with mock.patch("server.stores.model_documents.with_file_lock", side_effect=held):
        answer = client.post(f"{model}/tickets", json={"title": "a"})
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "locked", "1")


def test_damage_is_healed_and_reported(client: TestClient, ticket: str, services: Services) -> None:
    patched(client, ticket, "b", None)
    (services.data.root / f"{ticket.removeprefix('/api/')}.json").write_bytes(bytes(100))
    answer = client.get(ticket)
    assert (answer.json()["title"], answer.headers["etag"]) == ("b", '"2"'), "nothing is lost: the log has it"
    [line] = [check for check in client.get("/readyz").json()["checks"] if check["name"] == "documents"]
    assert line["ok"] and line["detail"].startswith("1 damaged and restored")
    assert verify(services.data).findings == []


def test_damage_that_cannot_be_healed_is_reported(client: TestClient, model_id: str, services: Services) -> None:
    run_id = new_id()
    services.runs.add(model_id, run_id, {"findings": []}, job_id=run_id)
    (services.data.model(model_id) / "runs" / f"{run_id}.json").write_bytes(b"{}x")
    path = f"/api/models/{model_id}/analysis-runs/{run_id}"
    assert client.get(path).json() == {"findings": []}, "the cache has it"
    shutil.rmtree(services.data.cache)
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (500, "document_damaged")
    assert client.get(path).status_code == 404
    [line] = [check for check in client.get("/readyz").json()["checks"] if check["name"] == "documents"]
    assert not line["ok"] and run_id in line["detail"]
    assert client.post(f"/api/models/{model_id}/tickets", json={"title": "a"}).status_code == 201


def test_openapi_tells_of_revisions(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    patch = paths["/api/models/{model_id}/tickets/{ticket_id}"]["patch"]
    assert "if-match" in {parameter["name"] for parameter in patch["parameters"]}
    assert "412" in patch["responses"]
    show = paths["/api/models/{model_id}/tickets/{ticket_id}"]["get"]
    assert "if-none-match" in {parameter["name"] for parameter in show["parameters"]}
    assert "304" in show["responses"] and "ETag" in show["responses"]["200"]["headers"]
