"""What the sandbox tests run in sandbox children: well-behaved, broken and hostile."""

import ctypes
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workers.errors import PartError

Payload = dict[str, Any]
ReportStage = Callable[[str], None]


def echo(payload: Payload, report_stage: ReportStage) -> Payload:
    for stage in payload.get("stages", []):
        report_stage(stage)
    return payload


def describe(_payload: Payload, _report_stage: ReportStage) -> Payload:
    import resource

    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "nice": os.nice(0),
        "core": resource.getrlimit(resource.RLIMIT_CORE)[1],
        "address_space": resource.getrlimit(resource.RLIMIT_AS)[1],
        "threads": os.environ["OPENBLAS_NUM_THREADS"],
    }


def segfault(_payload: Payload, report_stage: ReportStage) -> None:
    report_stage("read")
    ctypes.string_at(0)


def abort(_payload: Payload, _report_stage: ReportStage) -> None:
    os.abort()


def hang_in_c(payload: Payload, report_stage: ReportStage) -> None:
    """Sleep in C for a day, holding the GIL as the kernel does."""
    report_stage("tessellate")
    tell(payload)
    ctypes.PyDLL(None).sleep(86_400)


def spin_on_one_processor(payload: Payload, _report_stage: ReportStage) -> None:
    os.sched_setaffinity(0, {payload["processor"]})
    tell(payload)
    while True:
        pass


def stop_itself(_payload: Payload, _report_stage: ReportStage) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def eat_memory(_payload: Payload, report_stage: ReportStage) -> None:
    report_stage("features")
    eaten = []
    while True:
        eaten.append(bytearray(os.urandom(1 << 20)) * 8)


def ask_for_too_much(_payload: Payload, _report_stage: ReportStage) -> None:
    bytearray(1 << 40)


def big_result(payload: Payload, _report_stage: ReportStage) -> str:
    size: int = payload["size"]
    return "x" * size


def part_error(_payload: Payload, _report_stage: ReportStage) -> None:
    raise PartError("no_solid", "There is no solid.", "Export a solid.")


def bug(_payload: Payload, _report_stage: ReportStage) -> None:
    raise ZeroDivisionError("one by none")


def not_json(_payload: Payload, _report_stage: ReportStage) -> object:
    return {"volume": float("nan")}


def leave_without_result(payload: Payload, _report_stage: ReportStage) -> None:
    os._exit(payload["status"])


def crash_after_result(_payload: Payload, _report_stage: ReportStage) -> str:
    import multiprocessing.util

    multiprocessing.util.Finalize(None, ctypes.string_at, args=(0,), exitpriority=0)
    return "done"


def chatter(_payload: Payload, _report_stage: ReportStage) -> str:
    """Write where a kernel in C++ writes, and log one line."""
    libc = ctypes.CDLL(None)
    libc.puts(b"kernel chatter on stdout")
    libc.fflush(None)
    os.write(1, b"kernel chatter on stdout\n")
    os.write(2, b"kernel chatter on stderr\n")
    logging.getLogger("target").info("logged in the child")
    return "done"


def wait_for_file(payload: Payload, _report_stage: ReportStage) -> str:
    tell(payload)
    while not Path(payload["file"]).exists():
        time.sleep(0.01)
    return "done"


def tell(payload: Payload) -> None:
    """Write this child's pid to the file that the test looks for, whole."""
    if "pid_file" in payload:
        path = Path(payload["pid_file"])
        temporary = path.with_suffix(".tmp")
        temporary.write_text(str(os.getpid()))
        temporary.replace(path)
