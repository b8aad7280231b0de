"""A new version on the disk: it serves as a whole after SIGHUP, or the one before goes on."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.posters import Posters
from tests.support.processes import worker_pid
from tests.support.servers import GUNICORN, MODULE, ROOT, ChatServer
from tests.support.waiting import wait_until

MakeServer = Callable[..., ChatServer]
_WITHIN_S = 20.0


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy the program, so that a test can change it."""
    copy = tmp_path / "checkout"
    shutil.copytree(
        ROOT / "chat", copy / "chat", ignore=shutil.ignore_patterns("__pycache__", "js", "css")
    )
    for file in ("wsgi.py", "gunicorn.conf.py"):
        shutil.copy(ROOT / file, copy)
    return copy


def change(checkout: Path) -> None:
    """Change what Python answers, and the page."""
    python = checkout / "chat/rooms/commands.py"
    source = python.read_text()
    assert source.count('"Join a room first."') == 1
    python.write_text(
        source.replace('"Join a room first."', '"Join a room first, in the new one."')
    )
    page = checkout / "chat/templates/index.html"
    page.write_text(page.read_text().replace("</title>", " (new)</title>"))


def versions(server: ChatServer) -> tuple[bool, bool]:
    """Tell whether Python and the page are the new ones."""
    with Client(server.ws_url) as client:
        python = "in the new one" in client.refusal(type="typing")["detail"]
    return python, "(new)" in server.get("/")


def reload(server: ChatServer, until: str, times: int) -> None:
    """Send SIGHUP and wait until the log has said something so many times."""
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: server.log().count(until) >= times, server.log, within_s=_WITHIN_S)


@pytest.mark.alone
@pytest.mark.parametrize("command", [GUNICORN, MODULE], ids=["gunicorn", "python -m chat"])
def test_sighup_serves_the_new_python_with_the_new_page(
    make_server: MakeServer, checkout: Path, command: tuple[str, ...]
) -> None:
    server = make_server(command, cwd=checkout)
    server.start()
    assert versions(server) == (False, False)
    with Posters(server, 2) as posters:
        posters.more()
        change(checkout)
        reload(server, "Serveur démarré", 2)
        posters.more()
        assert versions(server) == (True, True)
    posters.check()
    reload(server, "Serveur démarré", 3)
    assert versions(server) == (True, True)


def test_worker_that_takes_the_place_of_a_dead_one_is_of_the_same_version(
    make_server: MakeServer, checkout: Path
) -> None:
    server = make_server(cwd=checkout)
    server.start()
    server.logged("Serveur démarré")  # a process that is killed writes none of the lines that wait
    change(checkout)  # a git pull, and nobody said SIGHUP
    os.kill(worker_pid(server), signal.SIGKILL)
    wait_until(lambda: server.log().count("Serveur démarré") >= 2, server.log, within_s=_WITHIN_S)
    assert versions(server) == (False, False)


@pytest.mark.alone
@pytest.mark.parametrize(
    "command",
    [GUNICORN, pytest.param(MODULE, marks=pytest.mark.long)],  # it starts gunicorn
    ids=["gunicorn", "python -m chat"],
)
@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        (
            "chat/rooms/presence.py",
            "def broken(:\n",
            "SyntaxError: invalid syntax (presence.py, line 1)",
        ),
        ("chat/protocol.py", "import a_library_of_tomorrow\n", "a_library_of_tomorrow"),
        pytest.param(
            "chat/serving/settings.py", "<<<<<<< HEAD\n", "SyntaxError", marks=pytest.mark.long
        ),
    ],
    ids=["syntax", "library", "merge"],
)
def test_version_that_does_not_load_leaves_the_one_before_as_it_was(
    make_server: MakeServer,
    checkout: Path,
    command: tuple[str, ...],
    file: str,
    text: str,
    reason: str,
) -> None:
    server = make_server(command, cwd=checkout)
    server.start()
    whole = (checkout / file).read_text()
    change(checkout)
    (checkout / file).write_text(text)
    with Posters(server, 2) as posters:
        reload(server, "Serveur démarré", 2)
        posters.more()
        assert versions(server) == (False, False)
        said = server.logged("does not load")
        (line,) = (line for line in said.splitlines() if "does not load" in line)
        assert reason in line
        assert "Traceback" not in server.log()
        (checkout / file).write_text(whole)  # somebody mends it
        reload(server, "Serveur démarré", 3)
        posters.more()
        assert versions(server) == (True, True)
    posters.check()
