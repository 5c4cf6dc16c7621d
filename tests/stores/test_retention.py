"""What is outdated goes; nothing younger or named does, whatever there is and whenever it is interrupted."""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ulid import ULID

from server._atomic_json import with_file_lock, write_json_atomic
from server.data_folder import DataFolder
from server.settings import Settings
from server.stores import retention
from server.stores.analysis_runs import AnalysisRuns
from server.stores.dfm_candidate_session_store import CandidateSessions
from server.stores.dfm_review_jobs import JOB_KIND, Job, JobChange, JobState, ReviewJobs
from server.stores.documents import Documents
from server.stores.errors import NotFoundError
from server.stores.leftovers import sweep
from server.stores.model_documents import log_of, recover
from server.stores.model_store import ModelStore
from server.stores.retention import Pruner, Retention
from server.stores.review_store import OLD_TICKETS, ReviewStore
from server.stores.verify import verify
from tests.stores.crashing import crash_after
from tests.stores.making import make_model

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FINAL = [JobState.SUCCEEDED, JobState.FAILED, JobState.DEAD, JobState.CANCELLED]


@contextmanager
def today(moment: datetime) -> Iterator[None]:
    with (
        mock.patch("server.stores.analysis_runs.now", lambda: moment),
        mock.patch("server.stores.activity_log.now", lambda: moment),
        mock.patch("server.stores.retention.now", lambda: moment),
    ):
        yield


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    return folder


def new_id(age: float) -> str:
    return str(ULID.from_datetime(NOW - age * DAY))


def make_job(data: DataFolder, model_id: str, age: float, state: JobState, *, id_: str = "") -> str:
    """A job that was asked for, and changed last, so many days ago."""
    at = NOW - age * DAY
    job = Job(
        id=id_ or new_id(age),
        model_id=model_id,
        process="cnc_milling",
        limits="default",
        state=state,
        request_id="r",
        identity="ann",
        created_at=at,
        updated_at=at,
        history=[JobChange(state=state, at=at, attempt=1, reason="x")],
    )
    Documents(data, JOB_KIND).create(data.jobs / f"{job.id}.json", job)
    return job.id


def make_run(data: DataFolder, model_id: str, age: float, *, limits: str = "default", id_: str = "") -> str:
    id_ = id_ or new_id(age)
    review = {"process": "cnc_milling", "limits": limits, "findings": []}
    with today(NOW - age * DAY):
        AnalysisRuns(data).add(model_id, id_, review, job_id=id_)
    return id_


def runs_of(data: DataFolder, model_id: str) -> set[str]:
    return {run.id for run in AnalysisRuns(data).list(model_id, limit=100).items}


def prune(data: DataFolder, **keep: object) -> dict[str, int]:
    with today(NOW):
        return dict(Pruner(data, Retention(**keep)).prune())  # type: ignore[arg-type]


def test_nothing_is_removed_unless_a_setting_says_so(data: DataFolder) -> None:
    model_id = make_model(data)
    make_run(data, model_id, 9000)
    make_job(data, model_id, 9000, JobState.FAILED)
    assert not Retention.of(Settings(data_dir=data.root)).is_on
    assert prune(data) == {}


def test_settings_become_retention() -> None:
    chosen = Settings(
        retention_jobs_days=1,
        retention_runs_days=2,
        retention_runs_per_model=3,
        retention_removed_models_days=4,
        retention_reviews_mb=5,
    )
    assert Retention.of(chosen) == Retention(
        jobs=DAY, runs=2 * DAY, runs_per_model=3, removed_models=4 * DAY, reviews_bytes=5_000_000
    )


def test_a_run_that_goes_is_told_of(data: DataFolder) -> None:
    model_id = make_model(data)
    old, kept = make_run(data, model_id, 20), make_run(data, model_id, 1)
    assert prune(data, runs=10 * DAY) == {"analysis run": 1}
    assert runs_of(data, model_id) == {kept}
    entry = next(log_of(data, model_id).newest_first())[0]
    assert (entry.who, entry.what, entry.document) == ("retention", "analysis_run.removed", f"runs/{old}")
    assert verify(data).findings == []


def test_as_many_runs_as_are_wanted_stay(data: DataFolder) -> None:
    model_id = make_model(data)
    ids = [make_run(data, model_id, age) for age in (5, 4, 3, 2, 1)]
    prune(data, runs_per_model=2)
    assert runs_of(data, model_id) == set(ids[-2:])


def sizes_of(data: DataFolder) -> Counter[str]:
    """What each review takes: its job and its run."""
    sizes = Counter[str]()
    for path in [*data.jobs.glob("*.json"), *data.models.glob("*/runs/*.json")]:
        sizes[path.stem] += path.stat().st_size
    return sizes


@pytest.mark.parametrize("spare", [0, -1])
def test_the_newest_reviews_that_there_is_room_for_stay(data: DataFolder, spare: int) -> None:
    """Whichever model they are of, a run and its job together, and jobs without a run too."""
    models = [make_model(data, name) for name in ("a", "b")]
    ids = [make_job(data, models[age % 2], age, JobState.SUCCEEDED) for age in (8, 7, 6, 5, 4, 3)]
    for id_, age in zip(ids, (8, 7, 6, 5, 4, 3), strict=True):
        make_run(data, models[age % 2], age, id_=id_)
    failed = make_job(data, models[0], 9, JobState.FAILED)
    waiting = make_job(data, models[0], 10, JobState.QUEUED)
    sizes = sizes_of(data)
    prune(data, reviews_bytes=sum(sizes[id_] for id_ in ids[-3:]) + spare)
    left = ids[-3:] if spare == 0 else ids[-2:]  # among them the latest of each model
    assert runs_of(data, models[0]) | runs_of(data, models[1]) == set(left)
    assert set(ReviewJobs(data).ids()) == {*left, waiting}
    assert failed not in ReviewJobs(data).ids()
    assert verify(data).findings == []
    assert prune(data, reviews_bytes=sum(sizes.values())) == {}


def test_what_is_named_stays(data: DataFolder) -> None:
    model_id = make_model(data)
    other = make_run(data, model_id, 50, limits="mtk")  # the latest of its configuration
    in_ticket, in_session, in_flight, running = (make_run(data, model_id, age) for age in (40, 39, 38, 37))
    ticket = ReviewStore(data).create_ticket(model_id, title="t", text="t", author="ann", run_id=in_ticket).content
    ReviewStore(data).design_reviews.create(model_id, title="r", author="ann", participants=[], ticket_ids=[ticket.id])
    runs = AnalysisRuns(data)
    CandidateSessions(data, runs).create(model_id, runs.get(model_id, in_session), author="ann")
    write_json_atomic(data.model(model_id) / "jobs-in-flight.json", {"a/b": in_flight})
    make_job(data, model_id, 37, JobState.RUNNING, id_=running)
    gone, latest = make_run(data, model_id, 36), make_run(data, model_id, 35)
    prune(data, runs=10 * DAY, runs_per_model=1)
    assert runs_of(data, model_id) == {other, in_ticket, in_session, in_flight, running, latest}
    assert gone not in runs_of(data, model_id)


def test_a_run_that_is_named_after_it_was_found_stays(data: DataFolder) -> None:
    model_id = make_model(data)
    old = make_run(data, model_id, 20)
    make_run(data, model_id, 1)
    pruner = Pruner(data, Retention(runs=DAY))
    with today(NOW):
        found = list(pruner.outdated())
        assert [outdated.id for outdated in found] == [old]
        ReviewStore(data).create_ticket(model_id, title="t", text="t", author="ann", run_id=old)
        assert not pruner._remove(found).total()
    assert old in runs_of(data, model_id)


@pytest.mark.parametrize("spoil", ["ticket", "old tickets", "job"])
def test_runs_stay_where_it_cannot_be_told_what_names_them(data: DataFolder, spoil: str) -> None:
    model_id = make_model(data)
    old = make_run(data, model_id, 20)
    make_run(data, model_id, 1)
    paths = {
        "ticket": data.model(model_id) / "tickets" / f"{new_id(1)}.json",
        "old tickets": data.model(model_id) / OLD_TICKETS,
        "job": data.jobs / f"{old}.json",
    }
    paths[spoil].write_text("damaged")
    assert prune(data, runs=DAY) == {}
    paths[spoil].unlink(missing_ok=True)
    assert prune(data, runs=DAY) == {"analysis run": 1}


@pytest.mark.parametrize("state", list(JobState))
def test_jobs_go_once_they_ended_long_ago(data: DataFolder, state: JobState) -> None:
    model_id = make_model(data)
    make_job(data, model_id, 20, state)
    make_job(data, model_id, 5, state)
    assert prune(data, jobs=10 * DAY) == ({"job": 1} if state in FINAL else {})
    assert verify(data).is_good


def test_a_job_that_waited_long_and_ended_lately_stays(data: DataFolder) -> None:
    make_job(data, make_model(data), 5, JobState.FAILED, id_=new_id(50))
    assert prune(data, jobs=10 * DAY) == {}


def test_jobs_whose_run_is_kept_or_that_are_the_latest_stay(data: DataFolder) -> None:
    model_id = make_model(data)
    with_run, latest, neither = (make_job(data, model_id, age, JobState.FAILED) for age in (30, 29, 28))
    make_run(data, model_id, 30, id_=with_run)
    write_json_atomic(data.model(model_id) / "jobs-in-flight.json", {"a/b": latest})
    assert prune(data, jobs=10 * DAY) == {"job": 1}
    assert ReviewJobs(data).ids() == [latest, with_run]
    with pytest.raises(NotFoundError):
        ReviewJobs(data).get(neither)
    # With the model, what names them is gone.
    ModelStore(data).remove(model_id, who="ann")
    assert prune(data, jobs=10 * DAY) == {"job": 2}


def test_a_job_goes_in_the_same_pass_as_its_run(data: DataFolder) -> None:
    model_id = make_model(data)
    for age in (30, 29):
        job = make_job(data, model_id, age, JobState.SUCCEEDED)
        make_run(data, model_id, age, id_=job)
    pruner = Pruner(data, Retention(runs=DAY, jobs=DAY))
    with today(NOW):
        shown = [(found.what, found.id) for found in pruner.outdated()]
    assert len(shown) == 2 and {what for what, _ in shown} == {"analysis run", "job"}
    assert prune(data, runs=DAY, jobs=DAY) == {"analysis run": 1, "job": 1}


def test_a_dead_letter_that_is_brought_back_meanwhile_stays(data: DataFolder) -> None:
    model_id = make_model(data)
    job = make_job(data, model_id, 20, JobState.DEAD)
    pruner = Pruner(data, Retention(jobs=DAY))
    with today(NOW):
        found = list(pruner.outdated())
        ReviewJobs(data).bring_back(job, reason="x")
        assert not pruner._remove(found).total()
    assert ReviewJobs(data).get(job).state is JobState.QUEUED


def test_logs_of_removed_models_go_by_when_they_were_removed(data: DataFolder) -> None:
    ids = {}
    for age in (20, 5):
        with today(NOW - age * DAY), mock.patch("server.stores.model_store.new_id", lambda: new_id(100 + age)):  # noqa: B023
            ids[age] = make_model(data, str(age))
            ModelStore(data).remove(ids[age], who="ann")
    unknown = data.removed_models / new_id(100)
    unknown.mkdir()
    assert prune(data, removed_models=10 * DAY) == {"removed model": 1}
    assert not data.removed_model(ids[20]).exists()
    assert data.removed_model(ids[5]).exists() and unknown.exists()


def test_a_step_does_little_and_goes_on_at_the_next(data: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    model_id = make_model(data)
    for age in range(20, 27):
        make_job(data, model_id, age, JobState.FAILED)
    monkeypatch.setattr(retention, "REMOVALS_A_STEP", 3)
    pruner = Pruner(data, Retention(jobs=DAY))
    left = []
    with today(NOW):
        for _ in range(4):
            pruner.step()
            left.append(len(ReviewJobs(data).ids()))
        assert left == [4, 1, 0, 0]
        # Done: it looks again after an hour only.
        make_job(data, model_id, 30, JobState.FAILED)
        pruner.step()
        assert len(ReviewJobs(data).ids()) == 1
        with mock.patch("time.monotonic", lambda: pruner._due_at):
            pruner.step()
    assert ReviewJobs(data).ids() == []


def test_one_process_at_a_time(data: DataFolder) -> None:
    make_job(data, make_model(data), 20, JobState.FAILED)
    pruner = Pruner(data, Retention(jobs=DAY))
    with today(NOW):
        with with_file_lock(data.run / "retention"):
            pruner.step()
        assert len(ReviewJobs(data).ids()) == 1
        pruner.step()
    assert ReviewJobs(data).ids() == []


# -- whatever there is -----------------------------------------------------------------------------------


@dataclass
class Past:
    """One review: when, for which limits, what became of its job, and what names it."""

    age: float
    limits: str
    state: JobState
    has_run: bool
    in_ticket: bool
    in_session: bool
    in_flight: bool
    id: str = field(default="")


AGES = st.integers(0, 400).map(lambda tenths: tenths / 10)
PAST = st.builds(
    Past,
    age=AGES,
    limits=st.sampled_from(["default", "mtk"]),
    state=st.sampled_from(list(JobState)),
    has_run=st.booleans(),
    in_ticket=st.sampled_from([False, False, False, True]),
    in_session=st.sampled_from([False, False, False, True]),
    in_flight=st.sampled_from([False, False, False, True]),
)
RETENTION = st.builds(
    Retention,
    jobs=st.none() | st.integers(1, 30).map(lambda days: days * DAY),
    runs=st.none() | st.integers(1, 30).map(lambda days: days * DAY),
    runs_per_model=st.none() | st.integers(1, 4),
    reviews_bytes=st.none() | st.integers(1, 8000),
)


def make_past(data: DataFolder, model_id: str, reviews: list[Past]) -> None:
    in_flight = {}
    for number, past in enumerate(reviews):
        past.id = make_job(data, model_id, past.age, past.state)
        if past.has_run:
            make_run(data, model_id, past.age, limits=past.limits, id_=past.id)
        if past.in_ticket:
            ReviewStore(data).create_ticket(model_id, title="t", text="t", author="ann", run_id=past.id)
        if past.in_session and past.has_run:
            runs = AnalysisRuns(data)
            CandidateSessions(data, runs).create(model_id, runs.get(model_id, past.id), author="ann")
        if past.in_flight:
            in_flight[str(number)] = past.id
    write_json_atomic(data.model(model_id) / "jobs-in-flight.json", in_flight)


def expected(reviews: list[Past], keep: Retention, sizes: Counter[str]) -> tuple[set[str], set[str]]:
    """The runs and the jobs that must stay, by the rules as they are told to an operator."""

    def has_room(past: Past) -> bool:
        return keep.reviews_bytes is None or keep.reviews_bytes >= sum(
            size for id_, size in sizes.items() if id_ >= past.id
        )

    newest = sorted((past for past in reviews if past.has_run), key=lambda past: past.id, reverse=True)
    latest = {
        max((past for past in newest if past.limits == limits), key=lambda past: (-past.age, past.id)).id
        for limits in {past.limits for past in newest}
    }
    runs = {
        past.id
        for place, past in enumerate(newest)
        if past.in_ticket
        or past.in_session
        or past.in_flight
        or past.state not in FINAL
        or past.id in latest
        or not (
            (keep.runs is not None and past.age * DAY >= keep.runs)
            or not has_room(past)
            or (keep.runs_per_model is not None and place >= keep.runs_per_model)
        )
    }
    jobs = {
        past.id
        for past in reviews
        if ((keep.jobs is None or past.age * DAY < keep.jobs) and has_room(past))
        or past.state not in FINAL
        or past.in_flight
        or past.id in runs
    }
    return runs, jobs


@contextmanager
def some_folder() -> Iterator[DataFolder]:
    with TemporaryDirectory(prefix="rd-") as folder:
        data = DataFolder(Path(folder) / "data")
        data.prepare()
        yield data


@given(st.lists(PAST, max_size=7, unique_by=lambda past: past.age), RETENTION)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_outdated_and_not_named_goes_and_all_else_stays(reviews: list[Past], keep: Retention) -> None:
    with some_folder() as data:
        model_id = make_model(data)
        make_past(data, model_id, reviews)
        stays = expected(reviews, keep, sizes_of(data))
        with today(NOW):
            Pruner(data, keep).prune()
        assert (runs_of(data, model_id), set(ReviewJobs(data).ids())) == stays
        assert verify(data).findings == []


def test_killed_anywhere_it_leaves_a_folder_that_is_right(tmp_path: Path) -> None:
    """Between any two file operations: nothing is bad, the next pass completes it, and what must stay stays."""
    original = DataFolder(tmp_path / "original")
    original.prepare()
    model_id = make_model(original)
    make_past(
        original,
        model_id,
        [
            Past(30, "default", JobState.SUCCEEDED, True, False, False, False),
            Past(29, "default", JobState.SUCCEEDED, True, True, False, False),
            Past(28, "default", JobState.FAILED, False, False, False, False),
            Past(27, "default", JobState.SUCCEEDED, True, False, False, False),
        ],
    )
    with today(NOW - 20 * DAY), mock.patch("server.stores.model_store.new_id", lambda: new_id(90)):
        ModelStore(original).remove(make_model(original, "removed"), who="ann")
    stay = sorted(runs_of(original, model_id))[1:]
    keep = Retention(jobs=DAY, runs=DAY, removed_models=DAY)
    states = 0
    for operations in range(10_000):
        data = DataFolder(tmp_path / "data")
        shutil.copytree(original.root, data.root)
        with today(NOW):
            with crash_after(operations) as crash:
                Pruner(data, keep).prune()
            assert verify(data).is_good
            recover(data)
            sweep(data, older_than_seconds=-60)
            assert verify(data).findings == []
            assert set(stay) <= runs_of(data, model_id)
            Pruner(data, keep).prune()
        assert sorted(runs_of(data, model_id)) == stay
        assert sorted(ReviewJobs(data).ids()) == stay
        assert verify(data).findings == []
        shutil.rmtree(data.root)
        if not crash.crashed:
            break
        states += 1
    assert states > 10
