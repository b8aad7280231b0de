"""The units of deploy/: what systemd says of them, and what Tchat does with systemd's socket.

tests/long/systemd.py runs them under a real systemd.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving.test_handover import wait_for_end
from tests.support.nginx import deployed
from tests.support.posters import Posters
from tests.support.servers import GUNICORN, ROOT, ChatServer

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="systemd is on Linux alone")
_WITHIN_S = 20.0
_ACTIVATE = ("systemd-socket-activate", "--listen", "127.0.0.1:{port}")
_SETTINGS = ("CHAT_DATABASE", "NOTIFY_SOCKET", "PYTHONUNBUFFERED")  # it gives no others on


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Let systemd look at units."""
    command = ["systemd-analyze", "--no-pager", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """Copy the units; of their programs, it is only checked that there are such files."""
    there = ("/opt/tchat/.venv/bin/", f"{Path(sys.executable).parent}/")
    texts = {
        "tchat.service": deployed("tchat.service", there),
        "tchat.socket": deployed("tchat.socket"),
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return [tmp_path / name for name in texts]


@ON_LINUX
def test_systemd_finds_nothing_wrong_with_the_units(units: list[Path]) -> None:
    found = analyze("verify", *units)
    assert (found.returncode, found.stderr) == (0, "")


@ON_LINUX
def test_service_is_exposed_to_no_more_than_three_points_of_ten(units: list[Path]) -> None:
    found = analyze("security", "--offline=true", "--threshold=30", units[0])
    assert found.returncode == 0, found.stdout
    overall = re.search(r"Overall exposure level for tchat\.service: ([\d.]+)", found.stdout)
    assert overall is not None
    assert float(overall[1]) <= 3.0


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """Hear what a service tells systemd."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.settimeout(_WITHIN_S)
        sock.bind(str(tmp_path / "notify"))
        yield sock


def times_open(pid: int, port: int) -> int:
    """Count the descriptors that a process has of the socket that listens on a port."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    (inode,) = {line[9] for line in lines if line[1].endswith(f":{port:04X}") and line[3] == "0A"}
    files = Path(f"/proc/{pid}/fd").iterdir()
    return sum(str(file.readlink()) == f"socket:[{inode}]" for file in files)


@ON_LINUX
@pytest.mark.alone
def test_server_with_systemds_socket_is_replaced_and_tells_which_process_is_the_main_one(
    make_server: Callable[..., ChatServer], manager: socket.socket
) -> None:
    settings = [part for name in _SETTINGS for part in ("-E", name)]
    server = make_server(
        (*_ACTIVATE, *settings, *GUNICORN), settings={"NOTIFY_SOCKET": manager.getsockname()}
    )
    server.start()
    assert server.process is not None
    pids = [server.process.pid]
    try:
        with Posters(server) as posters:
            for _ in range(2):  # the second server hands over what was handed over to it
                posters.more()
                # What `systemctl reload` calls, with a pid.
                command = [sys.executable, "-m", "chat.serving.replace", str(pids[-1])]
                replacing = subprocess.Popen(command, cwd=ROOT, env=server.environment)
                while not (told := manager.recv(4096)).startswith(b"MAINPID="):
                    assert told.startswith(b"READY=1")
                server.process.wait(_WITHIN_S)  # the first one is a child of this process
                assert replacing.wait(_WITHIN_S) == 0
                pids.append(int(told.removeprefix(b"MAINPID=")))
                posters.more(1)
                assert times_open(pids[-1], server.port) == 1
        posters.check(within_s=10.0)
    finally:
        os.killpg(server.process.pid, signal.SIGTERM)  # whichever of them runs
    wait_for_end(pids[-1])
    assert len(set(pids)) == 3
    assert not re.search("Traceback|ERROR", server.log())
