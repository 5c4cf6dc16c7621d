"""How gunicorn serves the API: `python -m gunicorn --config python:server.gunicorn_conf`."""

import asyncio
import gc
import logging
import signal
import sys
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from uvicorn_worker import UvicornWorker

from rapiddraft._parent_death import end_with_parent, end_with_supervisord
from server.bounded_http import BoundedHttp
from server.draining_server import IDLE_SECONDS, DrainingServer
from server.observability import metrics_folder
from server.observability.logging import configure_logging
from server.settings import get_settings

configure_logging("api")
_settings = get_settings()
configure_logging("api", _settings.log_level)

# Below supervisord's stopwaitsecs.
_STOP_SECONDS = 10

end_with_supervisord()


class JsonLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's logger, writing JSON lines like the rest. Requests are logged by the application."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        self.error_log.handlers[:] = logging.getLogger().handlers
        self.access_log.handlers[:] = []


class ApiWorker(UvicornWorker):  # type: ignore[misc]
    """uvicorn as a gunicorn worker."""

    CONFIG_KWARGS: dict[str, Any] = {  # noqa: RUF012 - read by the base class
        "loop": "uvloop",
        "http": BoundedHttp,
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "server_header": False,
        # An upload that goes on for longer is broken off.
        "timeout_graceful_shutdown": _STOP_SECONDS - IDLE_SECONDS - 2,
    }

    async def _serve(self) -> None:
        """Serve, and tell gunicorn that the event loop turns.

        uvicorn does so by the clock on the wall: set back, it falls silent, and gunicorn replaces the worker.
        """
        heartbeat = asyncio.create_task(self._beat())
        self.config.app = self.wsgi
        server = DrainingServer(self.config, on_drain=self.wsgi.state.services.drain)
        self._install_sigquit_handler()
        try:
            await server.serve(self.sockets)
        finally:
            heartbeat.cancel()
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    async def _beat(self) -> None:
        while True:
            self.notify()
            await asyncio.sleep(self.timeout / 4)


wsgi_app = "server.main:app"
bind = f"{_settings.host}:{_settings.port}"
workers = _settings.uvicorn_workers
worker_class = ApiWorker
logger_class = JsonLogger
loglevel = _settings.log_level.lower()
# A worker whose event loop stands still for so long is replaced.
timeout = 30
graceful_timeout = _STOP_SECONDS
# Longer than the usual proxy keeps its idle connections, so that it is not the one to be surprised.
keepalive = 75
# Of nobody, unless it is set: who may send X-Forwarded-For may send any address.
forwarded_allow_ips = ",".join(map(str, _settings.trusted_proxies))
control_socket_disable = True


def on_starting(_server: Arbiter) -> None:
    """Have the workers keep their metrics where the others do."""
    metrics_folder.enter(_settings.data_dir)


def on_exit(_server: Arbiter) -> None:
    """Leave no metrics behind."""
    metrics_folder.leave(_settings.data_dir)


def post_fork(_server: Arbiter, worker: UvicornWorker) -> None:
    """uvicorn's worker does not notice by itself that gunicorn's master is gone."""
    end_with_parent(signal.SIGTERM, parent=worker.ppid)


def post_worker_init(_worker: UvicornWorker) -> None:
    """Never look for garbage among what was loaded: each such look would hold everybody up for 50 ms."""
    gc.collect()
    gc.freeze()


def child_exit(_server: Arbiter, _worker: UvicornWorker) -> None:
    """Keep what it counted, and drop what only a living process can report."""
    metrics_folder.add_up_the_dead(metrics_folder.folder_of(_settings.data_dir))
