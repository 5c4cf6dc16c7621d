"""Whatever is sent to any operation, it answers with a status, a type and a document that /openapi.json names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import hypothesis
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.python import asgi
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from server.main import create_app
from server.settings import Settings
from tests.server.conftest import STEP

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 10
BASE_URL = f"http://{asgi.HOST}"
CONFIG = SchemathesisConfig(
    projects=ProjectsConfig(
        default=ProjectConfig(generation=GenerationConfig(deterministic=True, with_security_parameters=False))
    )
)
# Made without touching the disk, to know the operations when tests are collected.
schema = schemathesis.openapi.from_dict(create_app(Settings(data_dir=Path("/nowhere"))).openapi(), config=CONFIG)


class Api:
    """The application with the admin's token, and ids of what there is in it."""

    def __init__(self, app: FastAPI, session: asgi.ASGIClient) -> None:
        self.session = session
        token = app.state.services.gate.admin_token
        session.headers["Authorization"] = f"Bearer {token}"
        model = self._made("", data=STEP)
        job = self._made(f"/{model}/dfm/review-v2")
        session.post(f"{BASE_URL}/api/jobs/{job}/cancel").raise_for_status()  # its events end
        self.ids = {
            "model_id": model,
            "job_id": job,
            "ticket_id": self._made(f"/{model}/tickets", json={"title": "A ticket"}),
            "design_review_id": self._made(f"/{model}/design-reviews", json={"title": "A design review"}),
            "item_id": self._made(f"/{model}/checklist/items", json={"text": "An item"}),
        }

    def _made(self, path: str, **body: Any) -> str:  # noqa: ANN401 - JSON
        answer = self.session.post(f"{BASE_URL}/api/models{path}", **body)
        answer.raise_for_status()
        return str(answer.json()["id"])

    def check(self, case: schemathesis.Case[Any]) -> None:
        # No worker runs here, which /readyz must say by its 503.
        checks = CHECKS if case.path == "/readyz" else [not_a_server_error, *CHECKS]
        case.call_and_validate(base_url=BASE_URL, session=self.session, checks=checks)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    app = create_app(Settings(data_dir=tmp_path_factory.mktemp("schemathesis") / "data", review_wait_seconds=0))
    with asgi.get_client(cast(asgi.ASGIApp, app)) as session:
        session.get(f"{BASE_URL}/healthz").raise_for_status()  # starts it
        yield Api(app, session)
    asgi.shutdown_lifespans()


@schema.parametrize()
@hypothesis.settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), phases=[hypothesis.Phase.generate]
)
def test_every_answer_is_documented(case: schemathesis.Case[Any], api: Api) -> None:
    api.check(case)
    known = {name: api.ids[name] for name in case.path_parameters if name in api.ids}
    if known and case.method != "DELETE":
        case.path_parameters.update(known)
        api.check(case)
