"""The servers: the name of each, and how it is started."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench.wire import Centrifuge, Chat, SharedSocketIo, SocketIo

ROOT = Path(__file__).parent.parent
PEERS = ROOT / "bench" / "peers"
BUILD = ROOT / "build" / "bench"  # on the checkout's disk: Tchat's database must not be in memory
PAGE = BUILD / "page"  # Tchat's page and its files, for the peers that also serve them
_TCHAT_PYTHON = ROOT / ".venv" / "bin" / "python"
_GO_PATH = Path("/usr/share/gocode")
_GORILLA = "github.com/gorilla/websocket"
_GO_SQLITE = "github.com/mattn/go-sqlite3"
_CENTRIFUGE = "github.com/centrifugal/centrifuge"
_REDIS_URL = "redis://127.0.0.1:{redis}"


@dataclass(frozen=True)
class Server:
    """A server, and how to start it; {port}, {redis}, {batch} and the like are filled in."""

    name: str
    label: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    dialect: Chat = field(default_factory=Chat)
    cwd: Path = PEERS  # gunicorn would load the checkout's gunicorn.conf.py
    ready: str = ""  # what each worker prints when it can do its work; before, it may refuse
    program: str | None = None  # the file to execute, if the command's first word is but its name
    most_connections: int = 20_000
    missing: Callable[[], str | None] = lambda: None  # the reason, if it cannot run here


_GUNICORN = (
    *(sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:{port}"),
    *("--no-control-socket", "--worker-connections", "{sockets}"),
)


def _build_go(program: str, files: tuple[str, ...], libraries: tuple[str, ...]) -> str | None:
    """Build a Go peer; give the reason if that is not possible."""
    if shutil.which("go") is None:
        return "Go is not installed (Debian: golang-go)"
    for library in libraries:
        if not (_GO_PATH / "src" / library).is_dir():
            package = f"golang-{library.replace('.com', '').replace('/', '-')}-dev"
            return f"{library} is missing (Debian: {package})"
    # With CGO_ENABLED=0, go-sqlite3 would build without SQLite, and fail when it runs.
    environment = {"GO111MODULE": "off", "GOPATH": str(_GO_PATH), "CGO_ENABLED": "1"}
    built = subprocess.run(
        ["go", "build", "-o", str(BUILD / program), *files],
        cwd=PEERS,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return f"{program} does not build: {built.stderr.strip()}" if built.returncode else None


def _find_node(folder: str, package: str) -> str | None:
    if shutil.which("node") is None:
        return "Node is not installed"
    if not (PEERS / folder / "node_modules" / package).is_dir():
        return f"{package} is not installed (npm ci in bench/peers/{folder})"
    return None


# Both are one program, which its name tells what to be. Debian's redis-tools has the second alone.
_REDIS_PROGRAM = shutil.which("redis-server") or shutil.which("redis-check-rdb")


def _find_redis() -> str | None:
    return None if _REDIS_PROGRAM else "Redis is not installed (Debian: redis-tools)"


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
    missing=partial(_build_go, "go_peer", ("go_peer.go",), (_GORILLA,)),
)
GO_DURABLE = Server(
    "go-durable",
    "durable Go, go-sqlite3",
    (str(BUILD / "go_durable_peer"), "{port}", str(PAGE), "{folder}/go.db"),
    {"GOMAXPROCS": "1"},
    missing=partial(
        _build_go, "go_durable_peer", ("go_peer.go", "go_log.go"), (_GORILLA, _GO_SQLITE)
    ),
)
SERVERS = (
    TCHAT,
    GO,
    GO_DURABLE,
    Server(
        "node",
        "Node, ws",
        ("node", str(PEERS / "node_peer/server.js"), "{port}"),
        missing=partial(_find_node, "node_peer", "ws"),
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

# Those that share a Redis, for `bench.scaling`.
# As durable as the embedded log: a command is answered when it is on the disk. Nothing is evicted.
REDIS = Server(
    "redis",
    "Redis",
    (
        *("redis-server", "--port", "{port}", "--bind", "127.0.0.1", "--dir", "{folder}"),
        *("--save", "", "--appendonly", "yes", "--appendfsync", "{fsync}"),
    ),
    program=_REDIS_PROGRAM,
    missing=_find_redis,
)
TCHAT_ON_REDIS = Server(
    "tchat-redis",
    "Tchat on Redis",
    TCHAT.command,
    {
        "HOST": "127.0.0.1",
        "PORT": "{port}",
        "REDIS_URL": _REDIS_URL,
        "WEB_CONCURRENCY": "{workers}",
        "CHAT_LIMITS": "off",
        "CHAT_MAX_CONNECTIONS": "{threads}",
    },
    cwd=ROOT,
    ready="is in use",
)
SOCKETIO_ON_REDIS = Server(
    "socketio-redis",
    "Flask-SocketIO on gevent, its message queue in Redis",
    (*_GUNICORN, "-k", "gevent", "socketio_peer:app"),
    {"REDIS_URL": _REDIS_URL},
    dialect=SharedSocketIo(),
)
SOCKETIO_NODE = Server(
    "socketio-node",
    "Socket.IO on Node, @socket.io/redis-streams-adapter",
    ("node", str(PEERS / "socketio_node_peer/server.js"), "{port}", _REDIS_URL),
    dialect=SharedSocketIo(),
    missing=partial(_find_node, "socketio_node_peer", "socket.io"),
)
CENTRIFUGE = Server(
    "centrifuge",
    "Go, the library of Centrifugo (2021), Redis streams",
    (str(BUILD / "centrifuge_peer"), "{port}", "127.0.0.1:{redis}"),
    {"GOMAXPROCS": "1"},
    dialect=Centrifuge(),
    missing=partial(_build_go, "centrifuge_peer", ("centrifuge_peer.go",), (_CENTRIFUGE,)),
)
