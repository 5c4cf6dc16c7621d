"""What RapidDraft would be without queue, worker and sandbox: the kernel called in a thread of the API process.

Only a measure for `make loadtest`. It is served by the same gunicorn with the same settings, and knows of the API
what a reviewer needs: upload a part, have it reviewed. Nothing is kept but the file, nothing is safe.
"""

import hashlib
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

import workers.preload
from server.review_options import DEFAULT_LIMITS, DEFAULT_PROCESS
from server.settings import get_settings
from workers.review import review

__all__ = ["app", "workers"]


class NothingWaits:
    """What gunicorn's configuration asks of a service when it stops."""

    def drain(self) -> None:
        """No request waits for a job here."""


app = FastAPI()
app.state.services = NothingWaits()


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@app.post("/api/models", status_code=201)
async def upload(request: Request) -> dict[str, str]:
    """Keep the part as a file, for all processes."""
    content = await request.body()
    model_id = hashlib.sha256(content).hexdigest()
    await run_in_threadpool(_file(model_id).write_bytes, content)
    return {"id": model_id}


@app.post("/api/models/{model_id}/dfm/review-v2")
def review_model(model_id: str) -> JSONResponse:
    """Review the part in a thread of this process."""
    result: dict[str, Any] = review(_file(model_id), "part.step", DEFAULT_PROCESS, DEFAULT_LIMITS)
    return JSONResponse(result)


def _file(model_id: str) -> Path:
    return get_settings().data_dir / f"{model_id}.step"
