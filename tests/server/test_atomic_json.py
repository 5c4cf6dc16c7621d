"""JSON documents are whole on disk, and nothing but _atomic_json writes any."""

import ast
import os
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server._atomic_json import LockTimeoutError, read_json, with_file_lock, write_json_atomic

ROOT = Path(__file__).parents[2]

# file -> why it may write files that are not JSON documents
MAY_WRITE = {
    "server/_atomic_json.py": "it is the writer",
    "server/access/admin_token.py": "the token is plain text, made once, with a mode of its own",
    "server/stores/activity_log.py": "a line at the end, made durable and repaired there",
    "server/stores/model_store.py": "a part file's bytes, as they are uploaded",
    "server/diagnostics/readiness.py": "a nameless temporary file, to see whether the folder is writable",
    "server/stores/archive.py": "an archive, streamed, and durable before it has its name",
    "server/stores/backup.py": "files out of an archive, into a folder that is moved into place when it is whole",
    "server/stores/job_results.py": "a review, into the folder of the job that is to report it",
    "server/stores/reports.py": "pages, copied into a folder that gets its name when it is whole",
    "server/stores/candidate_results.py": "a part file's bytes, durable before they have their name",
    "workers/report/job.py": "pages, into the job's own folder",
    "workers/cad/edit/write_step.py": "a part file, into the job's own folder",
    "workers/content_cache.py": "the bytes of an entry, whatever they are, with a checksum of their own",
    "workers/geometry.py": "a pickle, into an entry of the cache",
    "workers/_sandbox_child.py": "a pipe to the parent process, and a file of the kernel in /proc",
    "server/observability/metrics_folder.py": "a lock, and sums in the format of prometheus_client, in memory",
}
WRITERS = {"dump", "write_text", "write_bytes", "TemporaryFile", "NamedTemporaryFile", "mkstemp"}

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
).filter(lambda document: _is_encodable(document))


def _is_encodable(document: Any) -> bool:  # noqa: ANN401 - JSON
    try:
        str(document).encode()
    except UnicodeEncodeError:
        return False
    return True


def _writes(call: ast.Call) -> bool:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in WRITERS:
        return True
    if name == "open" and isinstance(function, ast.Attribute) and getattr(function.value, "id", "") == "os":
        flags = ast.dump(call.args[1])
        return "O_WRONLY" in flags or "O_RDWR" in flags
    if name not in ("open", "fdopen"):
        return False
    # The first argument of a method `open` is the mode, that of the functions is the file.
    is_method = isinstance(function, ast.Attribute) and getattr(function.value, "id", "") not in ("os", "io")
    values = [*call.args[0 if is_method else 1 :], *(keyword.value for keyword in call.keywords)]
    modes = [value.value for value in values if isinstance(value, ast.Constant)]
    return any(isinstance(mode, str) and set(mode) <= set("rwxabt+") and set(mode) & set("wxa+") for mode in modes)


def writing_lines(source: str) -> list[int]:
    """The lines of a module that write a file, or might."""
    return [node.lineno for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call) and _writes(node)]


@pytest.mark.parametrize(
    "source",
    [
        "json.dump(x, file)",
        "open('a', 'w')",
        "open('a', mode='ab')",
        "path.open('x')",
        "path.open(mode='r+')",
        "path.write_text('')",
        "path.write_bytes(b'')",
        "os.open('a', os.O_WRONLY | os.O_CREAT)",
        "os.fdopen(1, 'wb')",
        "tempfile.NamedTemporaryFile()",
    ],
)
def test_the_search_finds_writers(source: str) -> None:
    assert writing_lines(source) == [1]


@pytest.mark.parametrize("source", ["json.dumps(x)", "open('a')", "path.open('rb')", "os.open('a', os.O_RDONLY)"])
def test_the_search_lets_readers_be(source: str) -> None:
    assert writing_lines(source) == []


def test_only_atomic_json_writes_documents() -> None:
    found = {}
    for package in ("server", "workers"):
        for path in (ROOT / package).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            # The broker's library is one SQLite file, and imports nothing of ours.
            if not name.startswith("workers/file_broker/") and (lines := writing_lines(path.read_text())):
                found[name] = lines
    assert set(found) - set(MAY_WRITE) == set(), "write it through server/_atomic_json.py"
    assert set(MAY_WRITE) - set(found) == set(), "no longer needed in MAY_WRITE"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(document=documents)
def test_what_is_written_is_read(tmp_path: Path, document: Any) -> None:  # noqa: ANN401
    path = tmp_path / "document.json"
    write_json_atomic(path, document)
    assert read_json(path) == document
    assert [file.name for file in tmp_path.iterdir()] == ["document.json"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(old=documents, new=documents, broken=st.sampled_from(["os.fsync", "Path.replace"]))
def test_a_write_that_fails_leaves_the_old_document(
    tmp_path: Path,
    old: Any,  # noqa: ANN401
    new: Any,  # noqa: ANN401
    broken: str,
) -> None:
    path = tmp_path / "document.json"
    write_json_atomic(path, old)
    target = f"server._atomic_json.{broken}"
    with mock.patch(target, side_effect=OSError("the machine died here")), pytest.raises(OSError, match="died"):
        write_json_atomic(path, new)
    assert read_json(path) == old
    assert [file.name for file in tmp_path.iterdir()] == ["document.json"]


@pytest.mark.parametrize("document", [float("nan"), {1, 2}, object()])
def test_what_is_not_json_is_refused(tmp_path: Path, document: Any) -> None:  # noqa: ANN401
    with pytest.raises((TypeError, ValueError)):
        write_json_atomic(tmp_path / "document.json", document)
    assert list(tmp_path.iterdir()) == []


def test_bytes_then_name_then_folder_are_made_durable(tmp_path: Path) -> None:
    done: list[str] = []
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        done.append("replace")
        return real(self, target)

    def fsync(descriptor: int) -> None:
        done.append("fsync folder" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "fsync file")  # noqa: PTH112

    with mock.patch("server._atomic_json.os.fsync", fsync), mock.patch.object(Path, "replace", replace):
        write_json_atomic(tmp_path / "document.json", {})
    assert done == ["fsync file", "replace", "fsync folder"]


def test_a_lock_is_waited_for_only_so_long(tmp_path: Path) -> None:
    path = tmp_path / "document.json"
    second = pytest.raises(LockTimeoutError, match=r"document\.json")
    with with_file_lock(path), second, with_file_lock(path, timeout=0):
        raise AssertionError("two held the lock")
    with with_file_lock(path, timeout=0):
        pass
