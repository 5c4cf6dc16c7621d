"""The inside of a sandbox child: take on the limits, run the target, send back what came of it.

The fork server imports this module, so that a child has it at once. A child writes one JSON message a
line to its pipe: any number of `{"stage": …}`, then one `{"outcome": …}`.
"""

import atexit
import contextlib
import gc
import json
import logging
import os
import resource
import shutil
import signal
import traceback
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rapiddraft._parent_death import end_with_parent
from server.observability.logging import configure_logging, log_ids
from workers.errors import PartError

# Set when the fork server imports this module, and inherited by the children.
FORK_SERVER = os.getpid()

logger = logging.getLogger("workers.sandbox")


@atexit.register
def _remove_socket_folder() -> None:
    """In a fork server, which ends when its worker has: what a worker leaves that was killed. Elsewhere nothing."""
    server: Any = forkserver._forkserver
    if server._forkserver_pid is None and server._forkserver_address:
        shutil.rmtree(Path(server._forkserver_address).parent, ignore_errors=True)


@dataclass(frozen=True)
class Order:
    """What a child is told to do, and how."""

    target: str
    payload: dict[str, Any]
    nice: int
    address_space_bytes: int
    log_ids: dict[str, str]
    log_level: int
    log_descriptor: int | None


def child_main(order: Order, pipe: Connection) -> None:
    """Carry out `order`; the whole life of a sandbox child."""
    end_with_parent(signal.SIGKILL, parent=FORK_SERVER)
    gc.disable()  # it ends with its one job: what little goes around in circles goes with it
    _let_the_fork_server_end()
    _take_on_limits(order)
    _redirect_output(order)
    with log_ids(**order.log_ids), open(pipe.fileno(), "wb", closefd=False) as out:

        def send(line: bytes) -> None:
            out.write(line + b"\n")
            out.flush()

        logger.info("Sandbox child started.", extra={"target": order.target})
        send(_outcome(order, lambda stage: send(json.dumps({"stage": stage}).encode())))


def _outcome(order: Order, report_stage: Any) -> bytes:  # noqa: ANN401 - a callable, but of an untyped target
    """Call the target and return the outcome message."""
    try:
        module, _, function = order.target.partition(":")
        value = getattr(import_module(module), function)(order.payload, report_stage)
        return _message("result", value=value)
    except PartError as error:
        return _message("part_error", code=error.code, detail=error.detail, advice=error.advice)
    except MemoryError:
        return _message("out_of_memory")
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller must hear of it
        return _message("failed", message=f"{type(error).__name__}: {error}", traceback=traceback.format_exc())


def _message(outcome: str, **fields: Any) -> bytes:  # noqa: ANN401 - JSON
    peak_memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return json.dumps({"outcome": outcome, "peak_memory": peak_memory, **fields}, allow_nan=False).encode()


def _let_the_fork_server_end() -> None:
    # The fork server lives as long as anyone holds this pipe. Were it held by a child that hangs, a killed
    # worker's fork server, and with it the child, would stay for ever.
    os.close(forkserver._forkserver._forkserver_alive_fd)  # type: ignore[attr-defined]


def _take_on_limits(order: Order) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's to handle
    os.nice(order.nice)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ceiling = address_space(os.getpid()) + order.address_space_bytes
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))
    with contextlib.suppress(OSError):  # not writable in some containers
        Path("/proc/self/oom_score_adj").write_text("1000")  # when the machine runs short, this goes first


def address_space(pid: int) -> int:
    """Size of a process's virtual memory, in bytes. Raises OSError if there is no such process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _redirect_output(order: Order) -> None:
    """Log to the worker's stdout as JSON; let the kernel's own chatter go nowhere."""
    if order.log_descriptor is None:
        logging.getLogger().handlers[:] = [logging.NullHandler()]
    else:
        level = logging.getLevelName(order.log_level)
        configure_logging("sandbox", level, descriptor=os.dup(order.log_descriptor))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)
