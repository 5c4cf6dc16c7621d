"""Ten people have a part reviewed at once, and a monitor asks for /healthz all the while; needs httpx, nothing of ours.

    python scripts/loadtest_dfm.py --host http://127.0.0.1:8000 --token "$(cat data/admin-token)" part.step

Each review is of a variant of the part (a comment makes it another file), so that none is answered from another.
Ends with status 1 if a target is missed or a request fails.
"""

import argparse
import asyncio
import gc
import multiprocessing
import os
import signal
import sys
import time
import uuid
from contextlib import suppress
from itertools import count
from math import ceil
from multiprocessing.connection import Connection
from pathlib import Path

import httpx

MONITOR_EVERY_SECONDS = 0.01
REQUESTS_A_CONNECTION = 100  # each second a new one, so that all of the API's processes are asked
FINAL = ("succeeded", "failed", "dead", "cancelled")


def main() -> int:
    """Run the test and print three lines; the exit status."""
    arguments = _arguments()
    try:
        reviews, healthz, seconds = measure(arguments)
    except (httpx.HTTPError, RuntimeError, OSError) as error:
        print(f"failed: {error or repr(error)}")
        return 1
    met = [
        verdict("/healthz p99", percentile(healthz, 99), arguments.healthz_p99_ms),
        verdict("/healthz max", max(healthz), arguments.healthz_max_ms),
        verdict("review p50", percentile(reviews, 50), arguments.p50_ms),
        verdict("review p95", percentile(reviews, 95), arguments.p95_ms),
    ]
    print(f"{len(reviews)} reviews by {arguments.clients} clients in {seconds:.1f} s; {len(healthz)} × /healthz")
    return 0 if all(met) else 1


def measure(arguments: argparse.Namespace) -> tuple[list[float], list[float], float]:
    """(ms of each review, ms of each /healthz, seconds in all). Raises RuntimeError if a request fails."""
    with httpx.Client(base_url=arguments.host, headers=headers(arguments), timeout=120) as api:
        models = [upload(api, arguments.part) for _ in range(arguments.clients * arguments.rounds)]
    turns = [models[client :: arguments.clients] for client in range(arguments.clients)]
    ours, theirs = multiprocessing.Pipe()
    monitor = multiprocessing.get_context("spawn").Process(
        target=watch_health, args=(arguments.host, theirs), daemon=True
    )
    monitor.start()
    theirs.close()
    try:
        ours.recv()  # it has begun
        started = time.perf_counter()
        reviews = asyncio.run(review_at_once(arguments, turns))
        seconds = time.perf_counter() - started
        ours.send("stop")
        return reviews, ours.recv(), seconds
    except (EOFError, BrokenPipeError) as error:
        raise RuntimeError("the monitor of /healthz ended; it said why on stderr") from error
    finally:
        monitor.terminate()
        monitor.join()


def headers(arguments: argparse.Namespace) -> dict[str, str]:
    """Those of every request but the monitor's."""
    return {"Authorization": f"Bearer {arguments.token}"}


def upload(api: httpx.Client, part: Path) -> str:
    """The id of the model that a variant of the part became."""
    head, newline, rest = part.read_bytes().partition(b"\n")
    content = head + newline + f"/* {uuid.uuid4().hex} */\n".encode() + rest
    return str(checked(api.post("/api/models", params={"name": part.name}, content=content)).json()["id"])


async def review_at_once(arguments: argparse.Namespace, turns: list[list[str]]) -> list[float]:
    """Have each client review its models one after the other; ms of each review."""
    a_connection_each = httpx.Limits(max_connections=len(turns))
    async with httpx.AsyncClient(
        base_url=arguments.host, headers=headers(arguments), timeout=120, limits=a_connection_each
    ) as api:
        await asyncio.gather(*(api.get("/healthz") for _ in turns))  # connected

        async def client(models: list[str]) -> list[float]:
            return [await review(api, model) for model in models]

        return [ms for each in await asyncio.gather(*map(client, turns)) for ms in each]


async def review(api: httpx.AsyncClient, model_id: str) -> float:
    """Ask for a review, and wait for it; ms. Raises RuntimeError if there is none."""
    started = time.perf_counter()
    answer = checked(await api.post(f"/api/models/{model_id}/dfm/review-v2"))
    if answer.status_code == httpx.codes.ACCEPTED:
        job = answer.json()
        while job["state"] not in FINAL:
            await asyncio.sleep(0.1)
            job = checked(await api.get(f"/api/jobs/{job['id']}")).json()
        if job["state"] != "succeeded":
            raise RuntimeError(f"job {job['id']} has {job['state']}: {job['error']}")
    return (time.perf_counter() - started) * 1e3


def checked(answer: httpx.Response) -> httpx.Response:
    """The answer. Raises RuntimeError if it is an error, with what the service said of it."""
    if answer.is_error:
        raise RuntimeError(f"{answer.request.method} {answer.request.url} was answered {answer.text}")
    return answer


def watch_health(host: str, pipe: Connection) -> None:
    """Ask for /healthz every 10 ms until told to stop, then send the ms of each; a process of its own.

    What a slow answer kept it from asking counts as asked, and as slow.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to both; the other one ends this
    gc.disable()
    latencies: list[float] = []
    with httpx.Client(base_url=host, timeout=60) as api:
        checked(api.get("/healthz"))
        pipe.send("started")
        for number in count(1):
            if pipe.poll():
                break
            last = {"Connection": "close"} if number % REQUESTS_A_CONNECTION == 0 else {}
            started = time.perf_counter()
            checked(api.get("/healthz", headers=last))
            took = time.perf_counter() - started
            missed = range(max(1, ceil(took / MONITOR_EVERY_SECONDS)))
            latencies += [(took - turn * MONITOR_EVERY_SECONDS) * 1e3 for turn in missed]
            time.sleep(max(0.0, MONITOR_EVERY_SECONDS - took))
    pipe.send(latencies)


def percentile(values: list[float], percent: float) -> float:
    """The least value that so many percent do not exceed."""
    ranked = sorted(values)
    return ranked[max(1, ceil(len(ranked) * percent / 100)) - 1]


def verdict(what: str, measured: float, target: float | None) -> bool:
    """Print what was measured; whether the target is met, if there is one."""
    met = target is None or measured <= target
    against = "" if target is None else f"  (target ≤ {target:g} ms: {'met' if met else 'MISSED'})"
    print(f"{what:<13} {measured:8.1f} ms{against}")
    return met


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", type=Path, help="a STEP file")
    parser.add_argument("--host", default="http://127.0.0.1:8000")
    parser.add_argument("--token", default=os.environ.get("RAPIDDRAFT_TOKEN", ""), help="or RAPIDDRAFT_TOKEN")
    parser.add_argument("--clients", type=some, default=10)
    parser.add_argument("--rounds", type=some, default=3, help="reviews of each client")
    parser.add_argument("--healthz-p99-ms", type=float, default=10.0)
    parser.add_argument("--healthz-max-ms", type=float, default=100.0)
    parser.add_argument("--p50-ms", type=float, help="target for a review, none by default")
    parser.add_argument("--p95-ms", type=float, help="target for a review, none by default")
    arguments = parser.parse_args()
    if not arguments.token:
        parser.error("there is no token: give --token, or set RAPIDDRAFT_TOKEN")
    return arguments


def some(given: str) -> int:
    """A number from 1 on. Raises argparse.ArgumentTypeError for anything else."""
    if not given.isdecimal() or int(given) < 1:
        raise argparse.ArgumentTypeError(f"{given!r} is not a number from 1 on")
    return int(given)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
