"""The container's health check, `python -m rapiddraft.healthcheck`: status 0 while the API answers /healthz, else 1.

It runs every few seconds, so it loads nothing of the service.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException

from rapiddraft.container import drop_to_service

SECONDS = 4.0
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def is_alive() -> bool:
    """Whether /healthz answers 200 in time, where the environment says that the API listens."""
    host = os.environ["RAPIDDRAFT_HOST"]
    api = HTTPConnection(_LOOPBACK.get(host, host), int(os.environ["RAPIDDRAFT_PORT"]), timeout=SECONDS)
    try:
        api.request("GET", "/healthz")
        return api.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        api.close()


if __name__ == "__main__":
    if os.getuid() == 0:  # a container that was started with PREPARE_DIRS=1 checks its health as root too
        drop_to_service()
    sys.exit(0 if is_alive() else 1)
