# The whole stack in one container: supervisord, the API and the worker, as user 10001. docs/deploy.md says how to run it.

FROM python:3.11-slim-bookworm AS build
WORKDIR /app
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.txt ./
# The secrets are optional: settings of pip and certificates, for a network that needs its own.
RUN --mount=type=secret,id=pip_conf --mount=type=secret,id=ca_bundle \
    python3.11 -m venv .venv \
    && PIP_CONFIG_FILE=/run/secrets/pip_conf .venv/bin/pip install --require-hashes --only-binary=:all: -r requirements.txt
COPY pyproject.toml README.md supervisord.conf ./
COPY rapiddraft ./rapiddraft
COPY server ./server
COPY workers ./workers
# The root file system is read-only when it runs: what can be compiled is compiled here.
RUN .venv/bin/pip install --no-deps --no-build-isolation --editable . \
    && .venv/bin/python -m rapiddraft._supervisor_environment \
    && .venv/bin/pip uninstall --yes pip \
    && find .venv -type d -name tests -prune -exec rm -r {} + \
    && .venv/bin/python -m compileall -q rapiddraft server workers

FROM python:3.11-slim-bookworm
# libgl1 and libx11-6 are what the CAD kernel links to. Debian keeps only the newest version of a package.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libx11-6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin rapiddraft \
    && install --directory --owner 10001 --group 10001 --mode 0700 /data
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    RAPIDDRAFT_DATA_DIR=/data \
    RAPIDDRAFT_HOST=0.0.0.0 \
    RAPIDDRAFT_PORT=8080
USER 10001:10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "-m", "rapiddraft.healthcheck"]
# It becomes supervisord, which as process 1 takes the signals and reaps what is left behind.
ENTRYPOINT ["python", "-m", "rapiddraft.container"]
