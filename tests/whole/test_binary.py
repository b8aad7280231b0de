"""The one-file program: it serves, talks and stops on a machine without Python."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.servers import ROOT, ChatServer
from tests.support.waiting import wait_until

BINARY = ROOT / "dist" / "chat-server"
STOP_S = 5.0
pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(300),  # the first test builds the binary
    pytest.mark.embedded,
]


@pytest.fixture(scope="session")
def binary() -> None:
    """Make the binary if something has changed. It is made here, while other workers run tests."""
    (ROOT / "build").mkdir(exist_ok=True)
    ordinary = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    with (ROOT / "build/binary.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker makes it; the others wait
        made = subprocess.run(
            ["make", "binary"], cwd=ROOT, env=ordinary, check=False, capture_output=True, text=True
        )
    assert made.returncode == 0, made.stdout + made.stderr


@pytest.fixture
def start(
    binary: None, make_server: Callable[..., ChatServer], tmp_path: Path
) -> Callable[..., ChatServer]:
    """Run the binary as on a new machine: alone in an empty directory, with an empty PATH."""
    temporary = tmp_path / "unpacked"  # where the program unpacks itself; it leaves nothing behind
    temporary.mkdir()

    def start(*options: str) -> ChatServer:
        server = make_server(
            (str(BINARY), "--host", "127.0.0.1", "--port", "{port}", *options),
            environment={"PATH": "", "TMPDIR": str(temporary)},
            cwd=tmp_path,
        )
        server.start()
        return server

    return start


def test_binary_serves_the_page_in_both_languages_and_its_files(
    start: Callable[..., ChatServer], tmp_path: Path
) -> None:
    server = start()
    assert '<html lang="fr"' in server.get("/", {"Accept-Language": "fr"})
    page = server.get("/", {"Accept-Language": "en"})
    assert '<html lang="en"' in page
    main = re.search(r"/static/main-\w+\.js", page)
    assert main is not None
    assert server.get(main[0])
    assert server.logged(f"Serveur démarré sur http://localhost:{server.port}")
    assert (tmp_path / "instance" / "tchat.db").exists()


def test_binary_delivers_a_message_and_stops_in_time(
    start: Callable[..., ChatServer], tmp_path: Path
) -> None:
    server = start("--database", "chat.db")
    with Client(server.ws_url) as ann:
        ann.join("Coco")
        with Client(server.ws_url) as other:
            # The tables of lookalikes are data files: these letters are Cyrillic.
            assert other.refusal(type="join", nick="Сосо")["code"] == "nick_taken"
        ann.post("Bonjour")
        assert ann.texts() == ["Bonjour"]
        assert server.stop() < STOP_S
        assert ann.close_code() == 1012
    assert (tmp_path / "chat.db").exists()
    assert not list((tmp_path / "unpacked").iterdir())


def test_binary_makes_a_copy_while_it_serves_and_puts_it_back(
    start: Callable[..., ChatServer], tmp_path: Path
) -> None:
    server = start("--database", "chat.db")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BINARY, *arguments, "--database", "chat.db"],
            cwd=tmp_path,
            env={"PATH": "", "TMPDIR": str(tmp_path / "unpacked")},
            capture_output=True,
            text=True,
            check=False,
        )

    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("one")
        assert run("backup", "copy.db").returncode == 0
        ann.post("two")
        refused = run("restore", "copy.db")
        assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
        server.stop()
        assert run("restore", "copy.db").returncode == 0
        server.start()
        assert not ann.resume()["resumed"]
        assert ann.texts() == ["one"]


def test_binary_replaces_itself_on_usr2(start: Callable[..., ChatServer], tmp_path: Path) -> None:
    server = start("--database", "chat.db")
    lock = tmp_path / "chat.db.lock"
    old = int(lock.read_text().split()[0])
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("before")
        os.kill(old, signal.SIGUSR2)
        assert ann.close_code() == 1012
        assert ann.resume()["resumed"] is True
        assert server.process is not None
        server.process.wait(20.0)  # the first binary has removed what it had unpacked
        ann.post("after")
        new = int(lock.read_text().split()[0])
        assert new != old
        assert server.get("/", {"Accept-Language": "fr"})
        os.kill(new, signal.SIGTERM)
        assert ann.close_code() == 1012
    wait_until(lambda: not list((tmp_path / "unpacked").iterdir()), within_s=STOP_S)
