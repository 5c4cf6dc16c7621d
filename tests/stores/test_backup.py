"""A backup holds what is kept, of one moment; a restore makes it again or leaves nothing."""

import gzip
import io
import os
import shutil
import signal
import stat
import tarfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import IO
from unittest import mock

import pytest
from typer.testing import CliRunner

from rapiddraft.cli import app
from server._atomic_json import LockTimeoutError, with_file_lock
from server.access import admin_token
from server.access.roles import Role
from server.access.tokens import Tokens
from server.clock import now
from server.data_folder import DataFolder
from server.settings import Settings
from server.stores import backup
from server.stores.analysis_runs import AnalysisRuns
from server.stores.archive import MANIFEST, ArchiveError, ArchiveWriter
from server.stores.backup import RestoreRefusedError, back_up, check, restore
from server.stores.dfm_review_jobs import JobState
from server.stores.errors import NotFoundError
from server.stores.model_documents import locked_model
from server.stores.model_store import ModelStore
from server.stores.review_store import ReviewStore
from server.stores.verify import verify
from tests.faults.troubles import small_disk
from tests.jobs.conftest import Installation, install
from workers import actors, brokers
from workers.reconciler import SENDING_SECONDS, Reconciler

REVIEW = {"process": "cnc_milling", "limits": "default", "findings": [{"text": "x" * 1000}]}


@pytest.fixture
def source(tmp_path: Path) -> Installation:
    """A data folder with something of each kind."""
    installation = install(Settings(data_dir=tmp_path / "data"))
    job = installation.send("succeed")
    installation.runs.add(job.model_id, job.id, REVIEW, job_id=job.id)
    ReviewStore(installation.data).create_ticket(job.model_id, title="t", text="t", author="ann")
    ModelStore(installation.data).remove(installation.upload("to be removed"), who="ann")
    Tokens(installation.data).make("Ann", Role.VIEWER)
    admin_token.load_or_make(installation.data.admin_token)
    installation.broker.close()
    return installation


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["backup.tar", "backup.tar.gz"])
def test_what_is_kept_comes_back_and_nothing_else(source: Installation, tmp_path: Path, name: str) -> None:
    archive, target = tmp_path / name, tmp_path / "restored"
    count = back_up(source.data, archive)
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    assert len(check(archive).files) == count
    restore(archive, target)
    left_out = {"admin-token", "queue.sqlite3", "queue.sqlite3-wal", "queue.sqlite3-shm", "queue.sqlite3.lock"}
    expected = {path: content for path, content in contents(source.data.root).items() if path not in left_out}
    assert contents(target) == expected
    assert verify(DataFolder(target)).is_good and verify(DataFolder(target)).models == 1
    # Nothing is left of the way there and back.
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, "data", "restored"]
    assert not list(source.data.uploads.iterdir())


def test_an_empty_data_folder_comes_back_where_nothing_was(tmp_path: Path) -> None:
    data, target = DataFolder(tmp_path / "data"), tmp_path / "new" / "restored"
    data.prepare()
    assert back_up(data, tmp_path / "backup.tar") == 0
    restore(tmp_path / "backup.tar", target)
    assert {path.name for path in target.iterdir()} == {path.name for path in data.root.iterdir()}


def test_jobs_that_had_not_ended_get_new_messages_in_their_old_order(source: Installation, tmp_path: Path) -> None:
    [first] = source.jobs.list(limit=9).items
    source.jobs.transition(first.id, JobState.RUNNING, reason="x")
    later = [source.send(what) for what in ("second", "third", "fourth")]
    source.broker.close()
    archive = tmp_path / "backup.tar"
    back_up(source.data, archive)
    restore(archive, tmp_path / "restored")
    restored = install(Settings(data_dir=tmp_path / "restored"))
    with mock.patch.object(Reconciler, "_patience", lambda *_: 0.0):
        restored.reconciler.look()
    assert restored.jobs.get(first.id).state is JobState.SUCCEEDED  # its run was kept already
    consumer = restored.broker.consume(actors.QUEUE, prefetch=9, timeout=0)
    delivered = [message.message_id for message in iter(lambda: next(consumer), None)]
    consumer.close()
    restored.broker.close()
    assert delivered == [job.id for job in later]


def test_a_job_that_ran_is_sent_again_as_soon_as_one_that_waited(source: Installation, tmp_path: Path) -> None:
    job = source.send("runs")
    source.jobs.transition(job.id, JobState.RUNNING, reason="x")
    back_up(source.data, tmp_path / "backup.tar")
    source.broker.close()
    restore(tmp_path / "backup.tar", tmp_path / "restored")
    restored = install(Settings(data_dir=tmp_path / "restored"))
    with mock.patch("workers.reconciler.now", lambda: now() + timedelta(seconds=SENDING_SECONDS + 1)):
        restored.reconciler.look()
    assert job.id in brokers.live_message_ids(restored.broker, actors.QUEUE)
    assert restored.jobs.get(job.id).attempts == 1
    restored.broker.close()


def test_a_queued_job_whose_run_was_kept_in_between_is_sent_again(source: Installation, tmp_path: Path) -> None:
    [job] = source.jobs.list(limit=9).items
    back_up(source.data, tmp_path / "backup.tar")
    restore(tmp_path / "backup.tar", tmp_path / "restored")
    restored = install(Settings(data_dir=tmp_path / "restored"))
    with mock.patch.object(Reconciler, "_patience", lambda *_: 0.0):
        restored.reconciler.look()
    assert brokers.live_message_ids(restored.broker, actors.QUEUE) == {job.id}
    restored.broker.close()


def test_a_document_that_is_replaced_while_it_is_copied_is_one_whole_version(
    source: Installation, tmp_path: Path
) -> None:
    [model] = source.models.list(limit=9).items

    def link(path: Path, to: Path) -> None:
        original(path, to)
        if path.name == "model.json":
            (path.parent / "new").write_bytes(path.read_bytes() * 2)
            (path.parent / "new").rename(path)

    original = os.link
    before = (source.data.model(model.id) / "model.json").read_bytes()
    with mock.patch("os.link", link):
        back_up(source.data, tmp_path / "backup.tar")
    restore(tmp_path / "backup.tar", tmp_path / "restored")
    assert (DataFolder(tmp_path / "restored").model(model.id) / "model.json").read_bytes() == before


def test_all_is_on_disk_before_a_restored_folder_has_its_name(source: Installation, tmp_path: Path) -> None:
    back_up(source.data, tmp_path / "backup.tar")
    synced = []
    with mock.patch("os.sync", lambda: synced.append((tmp_path / "restored").exists())):
        restore(tmp_path / "backup.tar", tmp_path / "restored")
    assert synced == [False]


def test_links_out_of_the_data_folder_are_not_followed(source: Installation, tmp_path: Path) -> None:
    count = back_up(source.data, tmp_path / "before.tar")
    (tmp_path / "secret").write_text("secret")
    [model] = source.models.list(limit=9).items
    for folder in (source.data.jobs, source.data.model(model.id)):
        (folder / "link.json").symlink_to(tmp_path / "secret")
    assert back_up(source.data, tmp_path / "after.tar") == count


def test_every_folder_is_either_kept_or_left_out_on_purpose(tmp_path: Path) -> None:
    data = DataFolder(tmp_path / "data")
    data.prepare()
    left_out = {data.uploads, data.run, data.cache}
    assert set(data.root.iterdir()) | {data.cache} == {*backup.kept_folders(data), *left_out}


def test_a_model_is_copied_as_of_one_moment(source: Installation, tmp_path: Path) -> None:
    """Changed and removed while its bytes are on their way into the archive."""
    [model] = source.models.list(limit=9).items
    seen = []

    def add(self: ArchiveWriter, name: str, file: IO[bytes], size: int) -> None:
        if name.endswith("activity.jsonl") and model.id in name:
            seen.append(name)
            ReviewStore(source.data).create_ticket(model.id, title="late", text="t", author="ann")
            source.models.remove(model.id, who="ann")
        original(self, name, file, size)

    original = ArchiveWriter.add
    with mock.patch.object(ArchiveWriter, "add", add):
        back_up(source.data, tmp_path / "backup.tar")
    assert len(seen) == 1
    restore(tmp_path / "backup.tar", tmp_path / "restored")
    restored = DataFolder(tmp_path / "restored")
    assert verify(restored).findings == []
    assert [ticket.title for ticket in ReviewStore(restored).list_tickets(model.id, limit=9).items] == ["t"]
    assert not restored.removed_model(model.id).exists()


def test_a_model_that_is_removed_before_its_turn_is_removed_in_the_copy(source: Installation, tmp_path: Path) -> None:
    [model] = source.models.list(limit=9).items
    with mock.patch.object(backup, "locked_model", side_effect=NotFoundError("model", model.id)) as locked:

        def remove(*_arguments: object) -> None:
            locked.side_effect = NotFoundError("model", model.id)
            source.models.remove(model.id, who="ann")
            raise NotFoundError("model", model.id)

        locked.side_effect = remove
        back_up(source.data, tmp_path / "backup.tar")
    restore(tmp_path / "backup.tar", tmp_path / "restored")
    restored = DataFolder(tmp_path / "restored")
    assert verify(restored).models == 0 and verify(restored).is_good
    assert (restored.removed_model(model.id) / "activity.jsonl").exists()


def test_a_model_whose_log_is_damaged_is_copied_as_it_is(source: Installation, tmp_path: Path) -> None:
    [model] = source.models.list(limit=9).items
    log = source.data.model(model.id) / "activity.jsonl"
    log.write_bytes(b"bad\nbad\n")
    back_up(source.data, tmp_path / "backup.tar")
    restore(tmp_path / "backup.tar", tmp_path / "restored")
    copied = DataFolder(tmp_path / "restored").model(model.id)
    assert (copied / "activity.jsonl").read_bytes() == log.read_bytes() != b""
    assert (copied / "part.step").exists()


def test_a_model_that_stays_locked_ends_the_backup(source: Installation, tmp_path: Path) -> None:
    [model] = source.models.list(limit=9).items
    before = contents(source.data.root)
    with (
        with_file_lock(source.data.model(model.id) / "activity.jsonl"),
        mock.patch.object(backup, "locked_model", side_effect=LockTimeoutError("locked")),
        pytest.raises(LockTimeoutError),
    ):
        back_up(source.data, tmp_path / "backup.tar")
    assert contents(source.data.root) == before
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_model_whose_log_is_damaged_is_copied_under_its_lock_too(source: Installation, tmp_path: Path) -> None:
    [model] = source.models.list(limit=9).items
    log = source.data.model(model.id) / "activity.jsonl"
    log.write_bytes(b"bad\nbad\n")
    with (
        mock.patch.object(backup, "with_file_lock", side_effect=LockTimeoutError("locked")) as lock,
        pytest.raises(LockTimeoutError),
    ):
        back_up(source.data, tmp_path / "backup.tar")
    lock.assert_called_once_with(log)


def test_a_backup_never_replaces_another(source: Installation, tmp_path: Path) -> None:
    (tmp_path / "backup.tar").write_text("yesterday's")
    with pytest.raises(FileExistsError):
        back_up(source.data, tmp_path / "backup.tar")
    assert (tmp_path / "backup.tar").read_text() == "yesterday's"


def test_a_full_disk_leaves_nothing_behind(source: Installation, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    [model] = source.models.list(limit=9).items
    part = source.models.part_file(model.id)
    part.write_bytes(os.urandom(1 << 20))
    back_up(source.data, tmp_path / "fits.tar.gz")
    with small_disk(disk, "256k") as mounted:
        if not mounted:
            pytest.skip("this user may not mount a small disk")
        for name in ("backup.tar", "backup.tar.gz"):
            with pytest.raises(OSError, match="No space left"):
                back_up(source.data, disk / name)
        with pytest.raises(OSError, match="No space left"):
            restore(tmp_path / "fits.tar.gz", disk / "restored")
        assert list(disk.iterdir()) == []
        with pytest.raises(OSError, match="No space left"):
            restore(tmp_path / "fits.tar.gz", disk)  # the disk itself: nothing is beside it
        assert list(disk.iterdir()) == []
    assert not list(source.data.uploads.iterdir())


def test_a_mounted_folder_is_restored_into(source: Installation, tmp_path: Path) -> None:
    back_up(source.data, tmp_path / "backup.tar")
    disk = tmp_path / "disk"
    disk.mkdir()
    with small_disk(disk, "32m") as mounted:
        if not mounted:
            pytest.skip("this user may not mount a small disk")
        (disk / "lost+found").mkdir()
        restore(tmp_path / "backup.tar", disk)
        assert verify(DataFolder(disk)).is_good and verify(DataFolder(disk)).models == 1
        assert not list(disk.glob(".*"))


def test_an_interrupted_restore_into_a_mounted_folder_is_told(source: Installation, tmp_path: Path) -> None:
    back_up(source.data, tmp_path / "backup.tar")
    target = tmp_path / "target"
    (target / ".restoring-target-123").mkdir(parents=True)
    with pytest.raises(RestoreRefusedError, match="was interrupted"):
        restore(tmp_path / "backup.tar", target)


@pytest.mark.parametrize("spoil", ["file", "full", "other's"])
def test_a_target_that_is_not_free_is_refused(source: Installation, tmp_path: Path, spoil: str) -> None:
    back_up(source.data, tmp_path / "backup.tar")
    target = tmp_path / "target"
    if spoil == "file":
        target.write_text("x")
    else:
        target.mkdir()
    if spoil == "full":
        (target / "x").write_text("x")
    other = 1 if spoil == "other's" else 0
    with (
        mock.patch("os.geteuid", lambda: os.getuid() + other),
        pytest.raises(RestoreRefusedError, match=r"not a folder|not empty|belongs to"),
    ):
        restore(tmp_path / "backup.tar", target)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("command", "amid"), [("backup", "server.stores.archive.ArchiveWriter.finish"), ("restore", "os.sync")]
)
def test_one_that_is_told_to_end_leaves_nothing_behind(
    source: Installation, tmp_path: Path, command: str, amid: str
) -> None:
    archive = tmp_path / "backup.tar"
    if command == "restore":
        back_up(source.data, archive)
    before = sorted(tmp_path.rglob("*"))
    data = source.data.root if command == "backup" else tmp_path / "restored"
    with mock.patch(amid, lambda *_: os.kill(os.getpid(), signal.SIGTERM)):
        ended = CliRunner().invoke(app, [command, str(archive), "--data-dir", str(data)])
    assert ended.exit_code == 128 + signal.SIGTERM
    assert sorted(tmp_path.rglob("*")) == before


# -- archives that are not what they should be -----------------------------------------------------------


def rewritten(archive: Path, change: Callable[[list[tuple[tarfile.TarInfo, bytes]]], None]) -> None:
    """The same tar with its members changed."""
    with tarfile.open(archive) as tar:
        members = []
        for member in tar:
            file = tar.extractfile(member)
            assert file
            members.append((member, file.read()))
    change(members)
    with tarfile.open(archive, "w") as tar:
        for member, content in members:
            member.size = len(content) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(content) if member.isreg() else None)


def member_named(name: str, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    return member


CHANGES: dict[str, tuple[Callable[[list[tuple[tarfile.TarInfo, bytes]]], None], str]] = {
    "a byte": (lambda members: members.__setitem__(0, (members[0][0], b"x" * len(members[0][1]))), "not what was"),
    "a file less": (lambda members: members.pop(0) and None, "missing"),
    "a file more": (lambda members: members.insert(0, (member_named("jobs/x.json"), b"x")), "does not have"),
    "a file twice": (lambda members: members.insert(0, members[0]), "twice"),
    "no manifest": (lambda members: members.pop() and None, "truncated"),
    "the manifest first": (lambda members: members.insert(0, members.pop()), "after the manifest"),
    "a bad manifest": (
        lambda members: members.__setitem__(-1, (members[-1][0], members[-1][1].replace(b'"size":', b'"size":1'))),
        "checksum",
    ),
    "a newer manifest": (
        lambda members: members.__setitem__(-1, (members[-1][0], newer(members[-1][1]))),
        "newer",
    ),
    "a way out": (lambda members: members.insert(0, (member_named("jobs/../../out"), b"x")), "no backup has"),
    "an absolute path": (lambda members: members.insert(0, (member_named("/tmp/out"), b"x")), "no backup has"),
    "another folder": (lambda members: members.insert(0, (member_named("run/x"), b"x")), "no backup has"),
    "a hidden file": (lambda members: members.insert(0, (member_named("jobs/.x"), b"x")), "no backup has"),
    "a folder's name": (lambda members: members.insert(0, (member_named("jobs"), b"x")), "no backup has"),
    "a symbolic link": (lambda members: members.insert(0, (member_named("jobs/x", tarfile.SYMTYPE), b"")), "plain"),
    "a hard link": (lambda members: members.insert(0, (member_named("jobs/x", tarfile.LNKTYPE), b"")), "plain"),
    "a device": (lambda members: members.insert(0, (member_named("jobs/x", tarfile.CHRTYPE), b"")), "plain"),
}


def newer(manifest: bytes) -> bytes:
    from dataclasses import replace

    from server._atomic_json import encode_json
    from server.stores.documents import unframed

    return encode_json(replace(unframed(MANIFEST, manifest, "backup"), version=2).framed())


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_archive_is_refused_with_the_cause(source: Installation, tmp_path: Path, change: str) -> None:
    archive = tmp_path / "backup.tar"
    back_up(source.data, archive)
    rewritten(archive, lambda _members: None)
    check(archive)
    alter, cause = CHANGES[change]
    rewritten(archive, alter)
    with pytest.raises(ArchiveError, match=cause):
        check(archive)
    with pytest.raises(ArchiveError, match=cause):
        restore(archive, tmp_path / "restored")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.tar", "data"]


@pytest.mark.parametrize("name", ["backup.tar", "backup.tar.gz"])
def test_every_truncated_or_damaged_archive_is_refused(source: Installation, tmp_path: Path, name: str) -> None:
    """Cut and struck at many places: of a tar, what follows its end may be anything."""
    archive = tmp_path / name
    back_up(source.data, archive)
    whole = archive.read_bytes()
    with archive.open("rb") as file:
        end = len(whole) if name.endswith(".gz") else _end_of_members(file)
    for cut in range(0, end, max(1, end // 97)):
        archive.write_bytes(whole[:cut])
        with pytest.raises(ArchiveError):
            check(archive)
    for place in range(10, end, max(1, end // 97)):
        archive.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        if _says_the_same(archive.read_bytes(), whole):
            continue  # padding, or a time stamp
        with pytest.raises(ArchiveError):
            check(archive)


def _end_of_members(file: IO[bytes]) -> int:
    with tarfile.open(fileobj=file) as tar:
        last = tar.getmembers()[-1]
        return last.offset_data + last.size


def _says_the_same(one: bytes, other: bytes) -> bool:
    def members(content: bytes) -> list[tuple[str, bytes]]:
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            files = [(member.name, tar.extractfile(member)) for member in tar]
            return [(name, file.read() if file else b"") for name, file in files]

    try:
        return members(one) == members(other)
    except (tarfile.TarError, EOFError, OSError, gzip.zlib.error):  # type: ignore[attr-defined]
        return False


@pytest.mark.parametrize("content", [b"", b"not a tar at all" * 100, gzip.compress(b"nor this", mtime=0)])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    foreign = tmp_path / "foreign"
    foreign.write_bytes(content)
    with pytest.raises(ArchiveError, match="not a backup"):
        restore(foreign, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


def test_another_program_s_tar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "file").write_text("x")
    archive = shutil.make_archive(str(tmp_path / "foreign"), "tar", tmp_path, "home")
    with pytest.raises(ArchiveError, match="not a backup of RapidDraft: 'home"):
        check(Path(archive))


def test_a_run_is_there_for_every_job_that_succeeded(source: Installation, tmp_path: Path) -> None:
    """A job that ends while the backup is made: jobs are copied before models, so never one without its run."""
    job = source.send("ends meanwhile")
    source.jobs.transition(job.id, JobState.RUNNING, reason="x")
    original = locked_model

    def locked(data: DataFolder, model_id: str) -> object:
        if model_id == job.model_id:
            source.runs.add(job.model_id, job.id, REVIEW, job_id=job.id)
            source.jobs.transition(job.id, JobState.SUCCEEDED, reason="x", run_id=job.id)
        return original(data, model_id)

    with mock.patch.object(backup, "locked_model", locked):
        back_up(source.data, tmp_path / "backup.tar")
    source.broker.close()
    restore(tmp_path / "backup.tar", tmp_path / "restored")
    restored = install(Settings(data_dir=tmp_path / "restored"))
    assert restored.jobs.get(job.id).state is JobState.RETRYING
    AnalysisRuns(restored.data).require(job.model_id, job.id)
    restored.broker.close()
