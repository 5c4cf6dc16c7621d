"""What one write costs, and whether it grows: `python -m loadtests.bench_stores [--folder DIR]`.

Every write is durable when it returns. The first line is what the disk itself takes for as many fsyncs.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from server._atomic_json import fsync_folder
from server.data_folder import DataFolder
from server.stores.model_store import ModelStore
from server.stores.review_store import ReviewStore
from server.stores.verify import verify

WRITES = 200
THREADS = 8
STEP = b"ISO-10303-21;\nHEADER;\nENDSEC;\nDATA;\nENDSEC;\nEND-ISO-10303-21;\n"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where to write; the disk under it is what is measured")
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory(dir=folder, prefix="bench-stores-") as made:
        data = DataFolder(Path(made) / "data")
        data.prepare()
        Console().print(_measure(data))
        assert verify(data).findings == []


def _measure(data: DataFolder) -> Table:
    table = Table("what", "median, ms", "p99, ms", "a second")

    def row(what: str, seconds: list[float]) -> None:
        median = statistics.median(seconds)
        p99 = statistics.quantiles(seconds, n=100)[98]
        table.add_row(what, f"{median * 1e3:.2f}", f"{p99 * 1e3:.2f}", f"{len(seconds) / sum(seconds):,.0f}")

    row("the disk alone: two small files and their folder, fsynced", _times(lambda: _bare_fsyncs(data.uploads)))
    store = ReviewStore(data)
    for tickets in (10, 100, 1000):
        model_id = _model_with(data, store, tickets)
        row(f"create_ticket, {tickets:,} tickets in the model", _times(partial(_ticket, store, model_id)))
    changed = store.create_ticket(model_id, title="a", text="", author="bench").content.id
    row("change_ticket, in that model", _times(lambda: store.change_ticket(model_id, changed, title="b", who="bench")))
    row("add_reply, to one ticket", _times(lambda: store.add_reply(model_id, changed, text="c", author="bench")))
    row("get_ticket, with these replies", _times(lambda: store.get_ticket(model_id, changed)))
    new = _ticket(store, model_id)
    row("get_ticket, a new one", _times(lambda: store.get_ticket(model_id, new)))
    for models in (10, 1000):
        id_ = _with_models(data, models)
        row(f"create_ticket, {models:,} models", _times(partial(_ticket, store, id_)))
    _at_once(table, store, "one model", lambda _: id_)
    ids = [_upload(data) for _ in range(THREADS)]
    _at_once(table, store, "a model each", lambda thread: ids[thread])
    return table


def _times(write: Callable[[], object]) -> list[float]:
    seconds = []
    for _ in range(WRITES):
        started = time.perf_counter()
        write()
        seconds.append(time.perf_counter() - started)
    return seconds


def _bare_fsyncs(folder: Path) -> None:
    for _ in range(2):
        path = folder / f"{time.perf_counter_ns()}"
        with path.open("xb") as file:
            file.write(b"x" * 500)
            file.flush()
            os.fsync(file.fileno())
    fsync_folder(folder)


def _ticket(store: ReviewStore, model_id: str) -> str:
    text = "The hole is deeper than ten times its diameter; drill it from both sides."
    return store.create_ticket(model_id, title="Hole too deep", text=text, author="bench", faces=[3, 4]).content.id


def _upload(data: DataFolder) -> str:
    store = ModelStore(data)
    part = store.receive(10_000)
    try:
        part.write(STEP + f"/* {time.perf_counter_ns()} */".encode())
        return store.keep(part, "part.step", "bench")[0].id
    finally:
        part.close()


def _model_with(data: DataFolder, store: ReviewStore, tickets: int) -> str:
    model_id = _upload(data)
    for _ in range(tickets):
        _ticket(store, model_id)
    return model_id


def _with_models(data: DataFolder, count: int) -> str:
    while len(list(data.models.iterdir())) < count:
        _upload(data)
    return _upload(data)


def _at_once(table: Table, store: ReviewStore, where: str, model_of: Callable[[int], str]) -> None:
    def write(thread: int) -> None:
        for _ in range(WRITES // THREADS):
            _ticket(store, model_of(thread))

    started = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(write, range(THREADS)))
    rate = WRITES // THREADS * THREADS / (time.perf_counter() - started)
    table.add_row(f"create_ticket, {THREADS} threads on {where}", "", "", f"{rate:,.0f}")


if __name__ == "__main__":
    main()
