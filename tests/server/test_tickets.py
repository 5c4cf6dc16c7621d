"""Tickets and replies: none lost, whoever writes at the same time."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from unittest import mock

import pytest
from fastapi.testclient import TestClient

from server._atomic_json import with_file_lock
from server.data_folder import DataFolder
from server.ids import new_id
from server.services import Services
from server.stores.errors import NotFoundError
from server.stores.model_documents import move_away
from server.stores.review_store import ReviewStore

PROCESSES, THREADS, EACH = 4, 10, 3


def test_open_show_change_reply_list(client: TestClient, model_id: str) -> None:
    tickets = f"/api/models/{model_id}/tickets"
    run_id = new_id()
    opened = client.post(tickets, json={"title": "Hole too deep", "text": "12 x D", "run_id": run_id, "faces": [3, 4]})
    assert opened.status_code == 201
    ticket = opened.json()
    assert ticket["status"] == "open"
    assert (ticket["author"], ticket["run_id"], ticket["faces"]) == ("admin", run_id, [3, 4])
    path = opened.headers["location"]
    assert path == f"{tickets}/{ticket['id']}"
    assert client.get(path).json() == ticket

    changed = client.patch(path, json={"status": "resolved"}).json()
    assert changed["status"] == "resolved"
    assert (changed["title"], changed["text"]) == ("Hole too deep", "12 x D")
    assert changed["updated_at"] > ticket["updated_at"]

    reply = client.post(f"{path}/replies", json={"text": "Drilled from both sides."})
    assert reply.status_code == 201
    assert client.get(path).json()["replies"] == [reply.json()]

    other = client.post(tickets, json={"title": "Second"}).json()
    assert [item["id"] for item in client.get(tickets).json()["items"]] == [other["id"], ticket["id"]]
    resolved = client.get(f"{tickets}?status=resolved").json()["items"]
    assert [item["id"] for item in resolved] == [ticket["id"]]


def test_tickets_are_listed_in_pages(client: TestClient, model_id: str) -> None:
    tickets = f"/api/models/{model_id}/tickets"
    ids = [client.post(tickets, json={"title": str(number)}).json()["id"] for number in range(5)]
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = client.get(tickets, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == sorted(ids, reverse=True)


@pytest.mark.parametrize(
    "body",
    [{}, {"title": ""}, {"title": "a", "status": "open"}, {"title": "x" * 201}, {"title": "a", "faces": [-1]}],
)
def test_bad_tickets_are_refused(client: TestClient, model_id: str, body: dict[str, object]) -> None:
    answer = client.post(f"/api/models/{model_id}/tickets", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


def test_a_status_that_is_none_names_those_that_are(client: TestClient, model_id: str) -> None:
    path = client.post(f"/api/models/{model_id}/tickets", json={"title": "a"}).headers["location"]
    answer = client.patch(path, json={"status": "gone"})
    assert answer.status_code == 422
    assert "'in_progress'" in answer.json()["detail"]


def test_unknown_tickets(client: TestClient, model_id: str) -> None:
    path = f"/api/models/{model_id}/tickets/{new_id()}"
    answers = [
        client.get(path),
        client.patch(path, json={"status": "closed"}),
        client.post(f"{path}/replies", json={"text": "a"}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "ticket_not_found")] * 3


def test_full_disk_is_507_and_changes_nothing(client: TestClient, model_id: str, services: Services) -> None:
    tickets = f"/api/models/{model_id}/tickets"
    client.post(tickets, json={"title": "first"})
    with mock.patch("server._atomic_json.os.fsync", side_effect=OSError(28, "No space left on device")):
        answer = client.post(tickets, json={"title": "second"})
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
    assert [item["title"] for item in client.get(tickets).json()["items"]] == ["first"]
    assert not list(services.data.model(model_id).glob(".*.tmp"))


def _create_from_ten_threads(root: Path, model_id: str, process: int) -> list[str]:
    store = ReviewStore(DataFolder(root))

    def create(number: int) -> str:
        return store.create_ticket(model_id, title=f"{process}/{number}", text="", author="admin").content.id

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(create, range(THREADS * EACH)))


def test_ten_threads_in_four_processes_at_once_lose_no_ticket(
    client: TestClient, model_id: str, services: Services
) -> None:
    jobs = [(services.data.root, model_id, process) for process in range(PROCESSES)]
    with get_context("spawn").Pool(PROCESSES) as pool:
        created = [id_ for ids in pool.starmap(_create_from_ten_threads, jobs, chunksize=1) for id_ in ids]
    assert len(set(created)) == PROCESSES * THREADS * EACH
    page = services.reviews.list_tickets(model_id, limit=1000)
    assert {ticket.id for ticket in page.items} == set(created)
    assert len({ticket.title for ticket in page.items}) == len(created)
    assert client.get(f"/api/models/{model_id}/tickets?limit=200").status_code == 200


def test_replies_at_once_are_all_there(services: Services, model_id: str) -> None:
    ticket = services.reviews.create_ticket(model_id, title="a", text="", author="admin").content

    def answer(number: int) -> str:
        return services.reviews.add_reply(model_id, ticket.id, text=str(number), author="admin").id

    with ThreadPoolExecutor(8) as pool:
        replies = set(pool.map(answer, range(40)))
    assert {reply.id for reply in services.reviews.get_ticket(model_id, ticket.id).content.replies} == replies


def test_no_ticket_on_a_model_that_is_removed_meanwhile(services: Services, model_id: str) -> None:
    waiting = threading.Event()

    @contextmanager
    def lock(path: Path) -> Iterator[None]:
        """Whoever comes for it has seen the model, and gets it when the model is gone."""
        waiting.set()
        with with_file_lock(path):
            yield

    with (
        mock.patch("server.stores.model_documents.with_file_lock", lock),
        ThreadPoolExecutor(1) as pool,
        with_file_lock(services.data.model(model_id) / "activity.jsonl"),
    ):
        made = pool.submit(services.reviews.create_ticket, model_id, title="a", text="", author="admin")
        assert waiting.wait(10)
        move_away(services.data, model_id)
        services.data.removed_model(model_id).joinpath("activity.jsonl.lock").unlink()
        with pytest.raises(NotFoundError):
            made.result(10)
