"""What the machine and the installation are like."""

import ctypes
import os
import platform
import re
import resource
import tempfile
from contextlib import suppress
from importlib import metadata
from pathlib import Path

import psutil

from rapiddraft.doctor.finding import Finding, ok, warning, wrong
from server import machine
from server.clock import now
from server.data_folder import DataFolder
from server.ids import first_id_at
from server.settings import PROJECT_ROOT, Settings
from server.stores.backup import stack_runs_on
from server.stores.paging import ids_in
from workers.errors import PartError
from workers.sandbox import Limits, Sandbox, SandboxError

SHARED_MEMORY = Path("/dev/shm")
FEW_FILES, ENOUGH_FILES = 256, 4096
# What the stack takes besides the children, a child at least of its own, and all of them together: server/machine.py.
_STACK_MB, _CHILD_OWN_MB, _CHILDREN_SHARED_MB = 520, 26, 230
_TIME_ERROR = 5
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)
_LIMITS = Limits(deadline_seconds=60, memory_bytes=1 << 30, nice=0)


def python(_settings: Settings) -> Finding:
    """The Python that this installation is pinned to."""
    version = platform.python_version()
    if not version.startswith("3.11."):
        return wrong(
            "python", f"Python {version}", "Make the virtual environment anew with Python 3.11: make clean run"
        )
    return ok("python", f"Python {version}")


def packages(_settings: Settings, lock: Path = PROJECT_ROOT / "requirements.txt") -> Finding:
    """Whether what is installed is what the lock says."""
    if not lock.exists():
        return warning("packages", f"there is no {lock.name} to compare with", "Restore it from the release.")
    pinned = _PINNED.findall(lock.read_text())
    other = [
        f"{name} {_installed(name)} instead of {version}" for name, version in pinned if _installed(name) != version
    ]
    if other:
        return wrong("packages", ", ".join(other[:5]), "pip install --require-hashes -r requirements.txt")
    return ok("packages", f"{len(pinned)} as in {lock.name}")


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def kernel_and_rules(settings: Settings) -> list[Finding]:
    """Whether a sandbox child can load the kernel and the rules, as a worker's would."""
    sandbox = Sandbox(["workers.preload"])
    targets = {
        "kernel": ("workers.cad.probe:kernel_version", {}, "See RAPIDDRAFT_KERNEL, and install requirements.txt anew."),
        "rules": (
            "workers.rules.probe:rules_version",
            {"rules": settings.rules_dir},
            "Correct the rule file; docs/rules.md has what one may say.",
        ),
    }
    try:
        return [_in_child(sandbox, check, *asked) for check, asked in targets.items()]
    finally:
        sandbox.close()


def _in_child(sandbox: Sandbox, check: str, target: str, payload: dict[str, str], remedy: str) -> Finding:
    try:
        found: dict[str, str] = sandbox.run(target, payload, _LIMITS)
    except (SandboxError, PartError) as error:
        return wrong(check, str(error), remedy)
    return ok(check, ", ".join(str(value) for value in found.values()))


def clock(settings: Settings) -> Finding:
    """Whether the time can be trusted: ids sort by it, and tokens expire by it."""
    data = DataFolder(settings.data_dir)
    newest = max([*ids_in(data.jobs, ".json"), *ids_in(data.models)], default="")
    if newest[:10] > first_id_at(now())[:10]:
        return wrong("clock", f"{now():%Y-%m-%d %H:%M:%S}Z, before {newest} was made", "Set the clock; it went back.")
    if _is_unsynchronised():
        return warning("clock", "not synchronised", "Run chrony or systemd-timesyncd on the machine.")
    return ok("clock", f"{now():%Y-%m-%d %H:%M:%S}Z")


def _is_unsynchronised() -> bool:
    # Nothing is set: the first member of the structure, the modes, is zero.
    return bool(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) == _TIME_ERROR)


def open_files(settings: Settings) -> Finding:
    """Every event stream is an open file of its API process."""
    most = _limit_of_stack(settings)
    remedy = f"ulimit -n {ENOUGH_FILES}, or LimitNOFILE={ENOUGH_FILES} in the unit."
    if most == resource.RLIM_INFINITY or most >= ENOUGH_FILES:
        return ok("open files", "unlimited" if most == resource.RLIM_INFINITY else f"{most} a process")
    state = wrong if most < FEW_FILES else warning
    return state("open files", f"{most} a process, enough for some {max(0, most - 100)} event streams", remedy)


def _limit_of_stack(settings: Settings) -> int:
    """Of supervisord, if it runs, which hands it on; else of this process, which might start it."""
    data = DataFolder(settings.data_dir)
    if stack_runs_on(data):
        with suppress(OSError, ValueError, psutil.Error):  # it has ended meanwhile, or is another user's
            supervisord = psutil.Process(int((data.run / "supervisord.pid").read_text()))
            return int(supervisord.rlimit(resource.RLIMIT_NOFILE)[0])
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def memory(settings: Settings) -> Finding:
    """Whether the children that may run at once fit into what the stack may use."""
    there = machine.usable_memory() // (1024 * 1024)
    children, each = settings.sandbox_children, settings.sandbox_memory_mb
    least = _STACK_MB + _CHILDREN_SHARED_MB + children * _CHILD_OWN_MB
    most = _STACK_MB + _CHILDREN_SHARED_MB + children * max(0, each - _CHILDREN_SHARED_MB)
    detail = f"{there:,} MiB for {children} children of {each:,} MiB at most"
    if there < least:
        return wrong("memory", f"{detail}; {least:,} are needed", "Give it more, or lower RAPIDDRAFT_SANDBOX_CHILDREN.")
    if there < most:
        remedy = "Lower RAPIDDRAFT_SANDBOX_CHILDREN or RAPIDDRAFT_SANDBOX_MEMORY_MB."
        return warning("memory", f"{detail}; large parts at once take up to {most:,}", remedy)
    return ok("memory", detail)


def shared_memory(_settings: Settings, folder: Path = SHARED_MEMORY) -> Finding:
    """gunicorn notices by a file there that a process of the API hangs."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, 4096)
    except OSError as error:
        remedy = "Mount a tmpfs there (docker: --tmpfs /dev/shm); a slow disk could make the API's processes seem hung."
        return warning("shared memory", f"{folder} cannot be written to: {error.strerror}", remedy)
    return ok("shared memory", str(folder))
