"""The facts that the numbers depend on: the machine, and the versions of everything measured."""

from __future__ import annotations

import json
import os
import platform
import re
import resource
import shutil
import sqlite3
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGES = (
    "uvloop",
    "websockets",
    "fastapi",
    "uvicorn",
    "flask-socketio",
    "gevent",
    "flask-sock",
    "simple-websocket",
    "gunicorn",
    "redis",  # the client
    "hiredis",
)
_NODE_PACKAGES = {
    "ws": "node_peer",
    "socket.io": "socketio_node_peer",
    "@socket.io/redis-streams-adapter": "socketio_node_peer",
}
_DEBIAN_PACKAGES = {
    "redis-server": "redis-tools",
    "gorilla/websocket": "golang-github-gorilla-websocket-dev",
    "mattn/go-sqlite3": "golang-github-mattn-go-sqlite3-dev",
    "centrifugal/centrifuge": "golang-github-centrifugal-centrifuge-dev",
}
_PEERS = Path(__file__).parent / "peers"


def raise_file_limit() -> None:
    """Allow as many open files as the system does; the servers inherit that."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def describe() -> dict[str, str]:
    """Give the machine and the versions, by name."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    described = {
        "processor": f"{found[1] if found else platform.machine()}, {os.cpu_count()} cores",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    for package in _PACKAGES:
        try:
            described[package] = version(package)
        except PackageNotFoundError:
            continue
    described["go"] = _ask(["go", "version"]).removeprefix("go version ")
    for name, package in _DEBIAN_PACKAGES.items():
        described[name] = _ask(["dpkg-query", "-W", "-f", "${Version}", package])
    described["sqlite"] = sqlite3.sqlite_version  # of Python, and of Debian's go-sqlite3
    described["node"] = _ask(["node", "--version"])
    for name, folder in _NODE_PACKAGES.items():
        package = _PEERS / folder / "node_modules" / name / "package.json"
        if package.exists():
            described[name] = json.loads(package.read_text())["version"]
    described["tchat"] = _ask(["git", "rev-parse", "--short", "HEAD"])
    return {name: value for name, value in described.items() if value}


def _ask(command: list[str]) -> str:
    if shutil.which(command[0]) is None:
        return ""
    asked = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    return asked.stdout.strip()
