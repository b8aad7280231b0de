"""The Dockerfile and deploy/compose.yml, built and run by Podman, as root on Linux.

`make machines` runs this in a network of its own. No registry is asked: tests/support/images.py
says what stands for the images that others make.
"""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.images import Engine, add_python, add_redis, make_root
from tests.support.posters import Posters
from tests.support.servers import ROOT
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(900)  # images are made

_URL = "http://127.0.0.1:8080"
_WS_URL = "ws://127.0.0.1:8080/ws"
_PATH = "ENV PATH=/usr/local/bin:/usr/bin"
# The image's wheels, which `make machines` has fetched, and no index of packages.
_BUILD = ("build", "--isolation", "chroot", "--pull-never", "--format", "docker", "--tag", "tchat")
_WHEELS = ("--volume", f"{ROOT}/build/wheels:/wheels:ro", "--env", "PIP_NO_INDEX=1")
_FIND = ("--env", "PIP_FIND_LINKS=/wheels")
# What deploy/compose.yml gives the container, too.
_WALLS = (
    "--read-only",
    "--tmpfs",
    "/tmp",
    "--cap-drop",
    "all",
    "--security-opt",
    "no-new-privileges",
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Give an engine with the images."""
    folder = tmp_path_factory.mktemp("engine")
    engine = Engine(folder / "podman")
    make_root(folder / "python")
    add_python(folder / "python")
    base = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2].split()[0]
    engine.add_image(f"docker.io/library/{base}", folder / "python", _PATH)
    try:
        engine.podman(*_BUILD, *_WHEELS, *_FIND, ROOT)
        yield engine
    finally:
        engine.end()


def get(path: str) -> str:
    """Fetch a path from what listens on port 8080; "" if nothing answers well yet."""
    try:
        with urllib.request.urlopen(_URL + path, timeout=10) as response:
            return str(response.read().decode())
    except (urllib.error.URLError, ConnectionError):
        return ""


@pytest.fixture
def container(engine: Engine) -> Iterator[str]:
    """Run the image alone, as the Dockerfile's first lines say, but with nothing that it may do."""
    name = "alone"
    ports = ("--network", "host", "--env", "HOST=127.0.0.1")
    engine.podman(
        "run", "--detach", "--name", name, *ports, *_WALLS, "--volume", "data:/data", "tchat"
    )
    try:
        wait_until(lambda: get("/healthz") == "ok\n", lambda: engine.podman("logs", name))
        yield name
    finally:
        engine.podman("rm", "--force", "--time", "0", name)


def test_image_has_the_program_alone_and_serves_as_nobody(engine: Engine, container: str) -> None:
    files = set(engine.podman("exec", container, "ls", "-A", "/opt/tchat").split())
    assert files == {".venv", "LICENSE", "chat", "gunicorn.conf.py", "wsgi.py"}
    assert "uid=10001" in engine.podman("exec", container, "id")
    status = engine.podman("exec", container, "cat", "/proc/1/status")
    assert "CapEff:\t0000000000000000" in status
    engine.podman("healthcheck", "run", container)  # it fails if the check does
    assert "pip" not in engine.podman("exec", container, "ls", ".venv/bin").split()


def test_container_tells_its_pages_when_it_stops_and_keeps_what_was_said(
    engine: Engine, container: str
) -> None:
    with Client(_WS_URL) as ann:
        ann.join("Ann")
        ann.post("hello")
        engine.podman("stop", "--time", "20", container)
        assert ann.close_code() == 1012
        assert engine.podman("inspect", container, "--format", "{{.State.ExitCode}}") == "0"
        engine.podman("start", container)
        wait_until(lambda: get("/healthz") == "ok\n", lambda: engine.podman("logs", container))
        assert ann.resume()["resumed"]


@pytest.fixture(scope="module")
def with_redis(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """Give the engine, with an image of Redis."""
    root = tmp_path_factory.mktemp("root") / "redis"
    make_root(root, Path(shutil.which("redis-cli") or "redis-cli"))
    add_redis(root)
    compose = (ROOT / "deploy/compose.yml").read_text()
    name = compose.partition("image: redis:")[2].split()[0]
    lines = (_PATH, "VOLUME /data", "WORKDIR /data")
    engine.add_image(f"docker.io/library/redis:{name}", root, *lines)
    return engine


def compose(engine: Engine, *arguments: str) -> str:
    """Run podman-compose with deploy/compose.yml."""
    program = ROOT / ".venv-deploy/bin/podman-compose"
    return engine.run(program, "--file", ROOT / "deploy/compose.yml", *arguments)


@pytest.fixture
def composed(with_redis: Engine) -> Iterator[Engine]:
    """Start both services, and remove them with what they stored."""
    compose(with_redis, "up", "--detach", "--no-build")
    try:
        wait_for_chat(with_redis)
        yield with_redis
    finally:
        compose(with_redis, "down", "--volumes")


def wait_for_chat(engine: Engine) -> None:
    """Wait until the chat is there; Redis may come after it."""
    wait_until(
        lambda: get("/healthz") == "ok\n",
        lambda: engine.podman("ps", "--all") + engine.podman("logs", "tchat_tchat_1"),
    )


def test_two_workers_and_redis_serve_one_conversation(composed: Engine) -> None:
    clients = [Client(_WS_URL) for _ in range(6)]
    for number, client in enumerate(clients):
        client.join(f"Nick {number}")
    clients[0].post("hello")
    for client in clients[1:]:
        client.expect("message", text="hello")
    wait_until(lambda: json.loads(get("/status"))["connected_users"] == len(clients))
    for client in clients:
        client.ws.close_socket()
    for service in ("tchat", "redis"):
        composed.podman("healthcheck", "run", f"tchat_{service}_1")
    asked = composed.podman("exec", "tchat_redis_1", "redis-cli", "config", "get", "maxmemory*")
    assert "noeviction" in asked.split()
    compose(composed, "down")
    compose(composed, "up", "--detach", "--no-build")
    wait_for_chat(composed)
    assert clients[0].resume()["resumed"]  # the named volume has what was said
    clients[0].ws.close_socket()


def test_newer_container_takes_the_place_of_the_one_that_runs(composed: Engine) -> None:
    server = type("Composed", (), {"ws_url": _WS_URL})()
    with Posters(server) as posters:
        posters.more()
        compose(composed, "up", "--detach", "--no-build", "--no-deps", "--force-recreate", "tchat")
        posters.more()
    for one in posters.people:
        assert (one.problem, one.resets) == (None, 0)
        mine = [text for text in one.texts() if text.startswith(f"{one.nick} ")]
        assert mine == one.acknowledged_texts
    # For docs/deploy.md: how long somebody waited for a connection (pytest -s shows it).
    print(f"{max(one.longest_wait_s for one in posters.people):.1f} s without the chat")
