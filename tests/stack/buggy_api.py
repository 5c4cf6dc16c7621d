"""The API as gunicorn serves it, but for a bug in a handler, which also writes bare text to stdout and stderr."""

import os

from fastapi import FastAPI

import server.gunicorn_conf as real

wsgi_app = "tests.stack.buggy_api:app()"

for name, value in vars(real).items():
    if not name.startswith("_") and name != "wsgi_app":
        globals()[name] = value


def app() -> FastAPI:
    """The application, with `GET /api/bug`."""
    from server.main import app as application

    @application.get("/api/bug")
    def bug() -> None:
        os.write(1, b"words on stdout\n")
        os.write(2, b"words on stderr, \xff\nin two lines\n")
        raise ZeroDivisionError("a bug,\nin two lines")

    return application
