"""`make run`: start the stack, review a sample part to show that it works, and serve until Ctrl-C."""

import argparse
import contextlib
import errno
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from rapiddraft._parent_death import end_with_parent
from rapiddraft.table import review_table
from server.data_folder import DataFolder
from server.settings import PROJECT_ROOT, Settings, get_settings

SAMPLE = PROJECT_ROOT / "samples" / "bracket.step"
REVIEW_SECONDS = 120.0
STOP_SECONDS = 60.0
# The longest name of a unix socket, less the process id that supervisord appends for a moment.
LONGEST_SOCKET_PATH = 107 - len(".4194304")

console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)


class CannotRunError(Exception):
    """Why there is no stack to serve, said to the one who typed `make run`."""


def main() -> int:
    """Run until told to stop; the process's exit status."""
    arguments = _arguments()
    # SIGINT too: started in the background by a shell, it would be ignored.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    stack = None
    try:
        settings = read_settings()
        check_port(settings.host, settings.port)
        check_data_folder(settings.data_dir)
        stack = Stack(settings)
        show_review(stack, settings, arguments)
        show_how_to_use(settings)
        stack.process.wait()
        raise CannotRunError(f"The stack has ended by itself.\n{stack.last_errors()}")
    except KeyboardInterrupt:
        return 0
    except CannotRunError as error:
        console.print(Text(str(error), "red"), soft_wrap=True)
        return 1
    finally:
        if stack:
            stack.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", help="TCP port (default: the setting RAPIDDRAFT_PORT, 8000)")
    parser.add_argument("--data-dir", help="data folder (default: the setting RAPIDDRAFT_DATA_DIR, ./data)")
    parser.add_argument("--ready-seconds", type=float, default=60.0, help="how long the start may take")
    parser.add_argument("--started", type=float, default=time.time(), help="when the whole began (Unix time)")
    arguments = parser.parse_args()
    if arguments.port:
        os.environ["RAPIDDRAFT_PORT"] = arguments.port
    data_dir = arguments.data_dir or os.environ.get("RAPIDDRAFT_DATA_DIR")
    if data_dir:
        os.environ["RAPIDDRAFT_DATA_DIR"] = str(Path(data_dir).expanduser().absolute())
    return arguments


def read_settings() -> Settings:
    """The settings, from the environment. Raises CannotRunError if one is not as it must be."""
    try:
        return get_settings()
    except ValidationError as error:
        wrong = [f"RAPIDDRAFT_{problem['loc'][0]}".upper() + f": {problem['msg']}" for problem in error.errors()]
        raise CannotRunError("\n".join(wrong)) from error


def check_port(host: str, port: int) -> None:
    """Raises CannotRunError unless `port` can be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
            raise CannotRunError(
                f"Port {port} on {host} {reason}. Choose another: make run PORT={port + 1 if port < 65535 else 8000}"
            ) from error


def check_data_folder(folder: Path) -> None:
    """Raises CannotRunError unless the stack can keep its data in `folder`, and none does so already."""
    data = DataFolder(folder)
    control = data.run / "supervisor.sock"
    choose = "Choose another: make run DATA_DIR=/some/folder"
    if len(os.fsencode(control)) > LONGEST_SOCKET_PATH:
        raise CannotRunError(f"The path {control} is too long for a unix socket. {choose}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CannotRunError(f"The data folder {folder} cannot be written to: {error.strerror}. {choose}") from error
    with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(OSError):
        client.connect(str(control))
        raise CannotRunError(f"Another stack runs on the data folder {folder}. {choose}")


class Stack:
    """supervisord and all that it runs, in a session of its own, so that Ctrl-C reaches only this process."""

    def __init__(self, settings: Settings) -> None:
        self.log = settings.data_dir / "stack.log"
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        say(f"Starting the stack; it logs to {self.log}")
        supervisord = Path(sys.executable).with_name("supervisord")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [supervisord, "-c", PROJECT_ROOT / "supervisord.conf"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: end_with_parent(signal.SIGTERM),
            )

    def stop(self) -> None:
        """Stop everything in order, and say so. Further signals do not hasten it."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if self.process.poll() is None:
            say("\nStopping the stack …")
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                say(f"It did not stop within {STOP_SECONDS:g} s and was killed.")
        say("Stopped.")

    def last_errors(self) -> str:
        """What the log says went wrong, newest last."""
        messages = [
            f"{line['process']}: {line['message']}" + _last_line(line.get("exc_info"))
            for line in _json_lines(self.log.read_text(errors="replace"))
            if line["level"] != "INFO"
        ]
        latest = list(dict.fromkeys(reversed(messages)))[:6]
        return "\n".join(reversed(latest)) + f"\nThe whole log is in {self.log}"


def _json_lines(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            yield {"process": "supervisord", "level": "ERROR", "message": line}


def _last_line(traceback: str | None) -> str:
    return f" ({traceback.splitlines()[-1]})" if traceback else ""


def show_review(stack: Stack, settings: Settings, arguments: argparse.Namespace) -> None:
    """Have the sample part reviewed, as any client would, and print the review."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)
    with httpx.Client(base_url=f"http://{host}:{settings.port}", timeout=30) as api:
        wait_until_ready(stack, api, arguments.ready_seconds)
        token = DataFolder(settings.data_dir).admin_token.read_text().strip()
        api.headers["Authorization"] = f"Bearer {token}"
        review = review_of_sample(stack, api)
    seconds = time.time() - arguments.started
    console.print()
    console.print(review_table(review))
    say(f"\n{seconds:.1f} s from the start to the first finding.")


def wait_until_ready(stack: Stack, api: httpx.Client, seconds: float) -> None:
    """Show what is still missing until nothing is. Raises CannotRunError if that takes too long."""
    shown = ""

    def ready() -> bool:
        nonlocal shown
        missing = _missing(api)
        if missing and missing != shown:
            say(f"  waiting for: {missing}")
            shown = missing
        return not missing

    _until(stack, ready, seconds, lambda: f"The stack did not become ready; it still waits for: {shown}")
    say("  ready")


def _missing(api: httpx.Client) -> str:
    try:
        answer = api.get("/readyz")
        readiness = answer.json()
    except (httpx.TransportError, ValueError):
        return "the API to answer"
    if answer.status_code == httpx.codes.OK:
        return ""
    if "checks" not in readiness:
        return f"an answer from /readyz other than {answer.status_code}"
    missing = [check["name"] for check in readiness["checks"] if not check["ok"]]
    return ", ".join([*missing, *readiness["startup_errors"]])


def review_of_sample(stack: Stack, api: httpx.Client) -> dict[str, Any]:
    """Upload the sample part and return its review. Raises CannotRunError if there is none."""
    say(f"Reviewing {SAMPLE.relative_to(PROJECT_ROOT)}")
    model = _checked(api.post("/api/models", params={"name": SAMPLE.name}, content=SAMPLE.read_bytes()))
    answer = api.post(f"/api/models/{model['id']}/dfm/review-v2", headers={"Prefer": "respond-async"})
    asked = _checked(answer)
    if answer.status_code == httpx.codes.OK:
        say("  made before, and kept")
        return asked
    job = asked
    stage = None

    def ended() -> bool:
        nonlocal job, stage
        job = _checked(api.get(f"/api/jobs/{asked['id']}"))
        if job["stage"] and job["stage"] != stage:
            stage = job["stage"]
            say(f"  {stage}")
        return job["state"] not in ("queued", "running", "retrying")

    _until(stack, ended, REVIEW_SECONDS, lambda: f"The review is still {job['state']} ({stage}).")
    if job["state"] != "succeeded":
        error = job["error"] or {"title": "The review was cancelled", "detail": "", "advice": ""}
        raise CannotRunError(f"{error['title']}: {error['detail']} {error['advice']}")
    review: dict[str, Any] = _checked(api.get(f"/api/models/{model['id']}/analysis-runs/{job['run_id']}"))
    return review


def _checked(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise CannotRunError(f"{answer.request.method} {answer.request.url} was answered {answer.text}")
    document: dict[str, Any] = answer.json()
    return document


def _until(stack: Stack, condition: Callable[[], bool], seconds: float, complaint: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if stack.process.poll() is not None:
            raise CannotRunError(f"The stack could not start.\n{stack.last_errors()}")
        if time.monotonic() > deadline:
            raise CannotRunError(f"{complaint()}\n{stack.last_errors()}")
        time.sleep(0.05)


def show_how_to_use(settings: Settings) -> None:
    """Say where everything is."""
    control = ".venv/bin/supervisorctl -c supervisord.conf status"
    if settings.data_dir != PROJECT_ROOT / "data":
        control = f"RAPIDDRAFT_DATA_DIR={settings.data_dir} {control}"
    say(f"\nAPI docs      http://{settings.host}:{settings.port}/docs")
    say(f"Admin token   {DataFolder(settings.data_dir).admin_token}")
    say(f"Processes     {control}")
    say("Stop          Ctrl-C")


def say(text: str) -> None:
    """Print a line as it is."""
    console.print(text, markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
