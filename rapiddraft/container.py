"""The container's entry point: checks the data folder, then becomes supervisord.

With PREPARE_DIRS=1 it may be started as root: then it gives the data folder to the service's user and drops to
that user before anything else runs. In no other case does anything run as root.
"""

import os
import sys
from pathlib import Path
from typing import NoReturn

SERVICE_USER = 10001
CONFIGURATION = Path(__file__).resolve().parent.parent / "supervisord.conf"


def main() -> NoReturn:
    """Become supervisord. Ends with status 1 and a plain reason if the service could not work."""
    data = Path(os.environ["RAPIDDRAFT_DATA_DIR"])
    if os.getuid() == 0:
        if os.environ.get("PREPARE_DIRS") != "1":
            _refuse(
                f"This container does not run as root. Leave out --user, or, to have a volume given to user "
                f"{SERVICE_USER}, start it once with --user 0 -e PREPARE_DIRS=1."
            )
        give_to_service(data)
        drop_to_service()
    if not os.access(data, os.W_OK | os.X_OK):
        _refuse(
            f"The data folder {data} cannot be written to by user {os.getuid()}. Give it to that user "
            f"(chown -R {SERVICE_USER}), or start the container once with --user 0 -e PREPARE_DIRS=1."
        )
    supervisord = Path(sys.executable).with_name("supervisord")
    os.execv(supervisord, [str(supervisord), "-c", str(CONFIGURATION)])


def give_to_service(folder: Path) -> None:
    """Make the service's user the owner of all that is in `folder`; links are not followed. Raises OSError."""
    for path in (folder, *folder.rglob("*")):
        if path.lstat().st_uid != SERVICE_USER:
            os.chown(path, SERVICE_USER, SERVICE_USER, follow_symlinks=False)


def drop_to_service() -> None:
    """Become the service's user, with no way back. Raises OSError."""
    os.setgroups([])
    os.setgid(SERVICE_USER)
    os.setuid(SERVICE_USER)


def _refuse(reason: str) -> NoReturn:
    sys.stderr.write(f"{reason}\n")
    raise SystemExit(1)


if __name__ == "__main__":
    main()
