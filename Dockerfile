# Tchat in a container: docs/deploy.md says how to start it, and how this file was tried.
#
#   docker build --tag tchat . && docker run --detach --publish 127.0.0.1:8080:8080 --volume tchat:/data tchat

FROM python:3.11-slim-bookworm AS build
WORKDIR /opt/tchat
COPY requirements.txt .
# Wheels alone: nothing is compiled, so no compiler is needed. The environment gets no pip.
RUN python -m venv --without-pip .venv \
    && python -m pip --python .venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --only-binary=:all: --require-hashes --requirement requirements.txt

FROM python:3.11-slim-bookworm
WORKDIR /opt/tchat
COPY --from=build /opt/tchat/.venv .venv
COPY LICENSE gunicorn.conf.py wsgi.py ./
COPY chat chat
# Whoever serves can write in /data alone, so what Python compiles is written here.
RUN python -m compileall -q chat && install --directory --owner=10001 --group=10001 --mode=0700 /data
VOLUME /data
USER 10001:10001
ENV HOST=0.0.0.0 PORT=8080 CHAT_DATABASE=/data/tchat.db PYTHONUNBUFFERED=1
EXPOSE 8080
# Each worker then tells its pages that it restarts.
STOPSIGNAL SIGTERM
# It answers 503 while a log is brought up to date, or Redis is away: that is no reason to end it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/healthz', timeout=4)"]
CMD [".venv/bin/gunicorn", "wsgi:app"]
