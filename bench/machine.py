"""The facts that the numbers depend on: the machine, and the versions of everything measured."""

from __future__ import annotations

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
)
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
    described["gorilla/websocket"] = _ask(
        ["dpkg-query", "-W", "-f", "${Version}", "golang-github-gorilla-websocket-dev"]
    )
    described["mattn/go-sqlite3"] = _ask(
        ["dpkg-query", "-W", "-f", "${Version}", "golang-github-mattn-go-sqlite3-dev"]
    )
    described["sqlite"] = sqlite3.sqlite_version  # of Python, and of Debian's go-sqlite3
    described["node"] = _ask(["node", "--version"])
    package = _PEERS / "node_peer/node_modules/ws/package.json"
    if package.exists():
        found = re.search(r'"version": "(.*)"', package.read_text())
        described["ws"] = found[1] if found else ""
    described["tchat"] = _ask(["git", "rev-parse", "--short", "HEAD"])
    return {name: value for name, value in described.items() if value}


def _ask(command: list[str]) -> str:
    if shutil.which(command[0]) is None:
        return ""
    asked = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    return asked.stdout.strip()
