"""What supervisord and supervisorctl need before they read supervisord.conf.

The file names RAPIDDRAFT_DATA_DIR, and supervisor knows no default for a variable. So each Python start
in the virtual environment asks, by one line in a .pth file, whether it is one of these two commands, and
only then comes here. `python -m rapiddraft._supervisor_environment` writes that line.

supervisord's words before its plugin is loaded (a configuration that it cannot read) become log lines here.
"""

import io
import logging
import os
import socket
import sys
import sysconfig
from contextlib import suppress
from pathlib import Path

DEFAULT_DATA_DIR = Path(__file__).resolve().parent.parent / "data"

# Python runs a line of a .pth file that starts with "import". It sorts behind the line that makes the
# project importable.
_PTH_NAME = "rapiddraft_supervisor_environment.pth"
_PTH_LINE = (
    "import sys; any('supervisor' in word for word in sys.orig_argv[1:3])"
    " and __import__('rapiddraft._supervisor_environment', fromlist=['prepare']).prepare(sys.orig_argv)\n"
)


def prepare(command: list[str]) -> None:
    """Set RAPIDDRAFT_DATA_DIR if it is not; for supervisord, also make the folder for its socket.

    `command` is the whole command line. Logs why and ends the process if the folder cannot be made.
    """
    name = next((Path(word).name for word in command[1:3] if word != "-m"), "")
    if name not in ("supervisord", "supervisorctl", "supervisor.supervisord", "supervisor.supervisorctl"):
        return
    data = Path(os.environ.get("RAPIDDRAFT_DATA_DIR") or DEFAULT_DATA_DIR).absolute()
    os.environ["RAPIDDRAFT_DATA_DIR"] = str(data)
    if name.endswith("supervisord"):
        _log_as_json()
        try:
            _make_run_folder(data / "run")
        except OSError as error:
            # Python would report an exception here and go on: supervisord would then fail for a stranger reason.
            reason = f"The data folder {data} cannot be used: {error.strerror}. Set RAPIDDRAFT_DATA_DIR."
            logging.getLogger("supervisord").critical(reason)
            os._exit(1)


def _log_as_json() -> None:
    from server.observability.logging import configure_logging  # which supervisorctl can do without

    configure_logging("supervisord")
    sys.stderr = _LoggedLines()


class _LoggedLines(io.TextIOBase):
    """A text stream that logs each line as an error."""

    def __init__(self) -> None:
        self._line = ""

    def write(self, text: str) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in filter(str.strip, lines):
            logging.getLogger("supervisord").error("%s", line)
        return len(text)


def _make_run_folder(run: Path) -> None:
    run.mkdir(mode=0o700, parents=True, exist_ok=True)
    run.chmod(0o700)
    _remove_stale_socket(run / "supervisor.sock")


def _remove_stale_socket(path: Path) -> None:
    # supervisord does it too, but says so on stderr in a line that is not JSON.
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            with suppress(FileNotFoundError):
                path.unlink()
        except OSError:
            return  # there is none, or supervisord will say what is wrong with it


def install() -> Path:
    """Write the .pth file into this virtual environment and return its path."""
    path = Path(sysconfig.get_path("purelib")) / _PTH_NAME
    path.write_text(_PTH_LINE)
    return path


if __name__ == "__main__":
    sys.stdout.write(f"{install()}\n")
