"""The servers: the name of each, and how it is started."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.wire import Chat, SocketIo

ROOT = Path(__file__).parent.parent
PEERS = ROOT / "bench" / "peers"
BUILD = ROOT / "build" / "bench"  # on the checkout's disk: Tchat's database must not be in memory
PAGE = BUILD / "page"  # Tchat's page and its files, for the peers that also serve them
_TCHAT_PYTHON = ROOT / ".venv" / "bin" / "python"
_GO_PATH = Path("/usr/share/gocode")


@dataclass(frozen=True)
class Server:
    """A server, and how to start it; {port}, {batch} and the like are filled in."""

    name: str
    label: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    dialect: Chat = field(default_factory=Chat)
    cwd: Path = PEERS  # gunicorn would load the checkout's gunicorn.conf.py
    most_connections: int = 20_000
    missing: Callable[[], str | None] = lambda: None  # the reason, if it cannot run here


_GUNICORN = (
    *(sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:{port}"),
    *("--no-control-socket", "--worker-connections", "{sockets}"),
)


def _build_go() -> str | None:
    """Build the Go peer; give the reason if that is not possible."""
    if shutil.which("go") is None:
        return "Go is not installed (Debian: golang-go golang-github-gorilla-websocket-dev)"
    if not (_GO_PATH / "src/github.com/gorilla/websocket").is_dir():
        return "gorilla/websocket is missing (Debian: golang-github-gorilla-websocket-dev)"
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": str(_GO_PATH)}
    command = ["go", "build", "-o", str(BUILD / "go_peer"), str(PEERS / "go_peer.go")]
    built = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return f"the Go peer does not build: {built.stderr.strip()}" if built.returncode else None


def _find_node() -> str | None:
    if shutil.which("node") is None:
        return "Node is not installed"
    if not (PEERS / "node_peer/node_modules/ws").is_dir():
        return "ws is not installed (npm ci in bench/peers/node_peer)"
    return None


BARE = Server(
    "bare", "bare limit", (sys.executable, str(PEERS / "bare_peer.py"), "{port}", "{batch}")
)
TCHAT = Server(
    "tchat",
    "Tchat",
    (str(_TCHAT_PYTHON), "-m", "chat"),
    {
        "HOST": "127.0.0.1",
        "PORT": "{port}",
        "CHAT_DATABASE": "{folder}/tchat.db",
        "CHAT_LIMITS": "off",
        "CHAT_MAX_CONNECTIONS": "{threads}",
    },
    cwd=ROOT,
)
GO = Server(
    "go",
    "Go, gorilla/websocket",
    (str(BUILD / "go_peer"), "{port}", str(PAGE)),
    {"GOMAXPROCS": "1"},
    missing=_build_go,
)
SERVERS = (
    TCHAT,
    GO,
    Server(
        "node",
        "Node, ws",
        ("node", str(PEERS / "node_peer/server.js"), "{port}"),
        missing=_find_node,
    ),
    Server(
        "websockets",
        "Python websockets on uvloop",
        (sys.executable, str(PEERS / "websockets_peer.py"), "{port}"),
    ),
    Server(
        "fastapi",
        "FastAPI on uvicorn",
        (sys.executable, str(PEERS / "fastapi_peer.py"), "{port}"),
    ),
    Server(
        "socketio",
        "Flask-SocketIO on gevent",
        (*_GUNICORN, "-k", "gevent", "socketio_peer:app"),
        dialect=SocketIo(),
    ),
    Server(
        "naive",
        "naive Flask-Sock",
        (*_GUNICORN, "--threads", "{threads}", "naive_peer:app"),
        {"PAGE": str(PAGE)},
        most_connections=1000,  # two threads for each; more takes minutes
    ),
    BARE,
)
