"""The command line: what it says, where it looks, and how it fails."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.log.test_backup import history
from tests.support.logs import stored
from tests.support.servers import ROOT, ChatServer

pytestmark = pytest.mark.embedded

MakeServer = Callable[..., ChatServer]


def test_help_names_the_commands_and_the_options_of_the_server(make_server: MakeServer) -> None:
    done = make_server().run("--help")

    assert done.returncode == 0
    for word in (
        "backup",
        "restore",
        "migrate",
        "connect",
        "say",
        "tail",
        "--host",
        "--port",
        "--database",
    ):
        assert word in done.stdout


def test_server_does_not_load_what_talks_to_a_chat() -> None:
    code = "import sys, chat.cli; print({name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in ("websockets", "platformdirs", "textual", "rich"):
        assert repr(name) not in loaded


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--bogus",), "--bogus"),
        (("copy", "x.db"), "copy"),
        (("backup",), "FILE"),
        (("migrate", "x.db"), "TARGET"),
        (("restore", "x.db", "y.db"), "y.db"),
        (("--port",), "--port"),
    ],
    ids=str,
)
def test_wrong_usage_is_refused_in_one_line(
    make_server: MakeServer, arguments: tuple[str, ...], reason: str
) -> None:
    done = make_server().run(*arguments)

    (line,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert line.startswith("Tchat: ")
    assert reason in line


@pytest.mark.parametrize("command", ["backup", "restore"])
@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"CHAT_OUTBOX_BYTES": "1"}, "CHAT_OUTBOX_BYTES='1'"),
        ({"CHAT_DATABASE": "~nobody-has-this-name/tchat.db"}, "CHAT_DATABASE="),
    ],
    ids=["bounds", "home"],
)
def test_wrong_setting_is_refused_in_one_line(
    make_server: MakeServer, command: str, settings: dict[str, str], reason: str
) -> None:
    done = make_server(settings=settings).run(command, "copy.db")

    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.startswith("Tchat: ")
    assert reason in line


def test_database_is_the_servers_wherever_it_is_named(
    make_server: MakeServer, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    for room in ("setting", "before", "after"):
        history(home / f"{room}.db", 5, room=room)
    server = make_server(settings={"HOME": str(home), "CHAT_DATABASE": "~/setting.db"})

    server.run("backup", "~/copy-1.db")
    server.run("--database", home / "before.db", "backup", "~/copy-2.db")
    server.run("backup", "--database", home / "after.db", "~/copy-3.db")

    copies = [list(stored(home / f"copy-{number}.db")) for number in (1, 2, 3)]
    assert copies == [["setting"], ["before"], ["after"]]


def test_commands_on_a_file_say_that_the_conversations_are_in_redis(
    make_server: MakeServer, tmp_path: Path
) -> None:
    history(tmp_path / "here.db", 5)
    settings = {"CHAT_REDIS_REPLICAS": "1"}
    server = make_server(redis_url="redis://:hush@localhost:1", settings=settings)
    for command in ("backup", "restore"):
        done = server.run(command, tmp_path / "copy.db")

        (line,) = done.stderr.splitlines()
        assert done.returncode == 1
        assert line.startswith("Tchat: the conversations are in redis://localhost:1, ")
        assert "--database FILE" in line

    assert (
        server.run("backup", "--database", tmp_path / "here.db", tmp_path / "1.db").returncode == 0
    )
    assert (
        server.run("--database", tmp_path / "here.db", "backup", tmp_path / "2.db").returncode == 0
    )


def test_server_also_finds_a_database_in_its_users_home(
    make_server: MakeServer, tmp_path: Path
) -> None:
    settings = {"HOME": str(tmp_path), "CHAT_DATABASE": "~/there.db"}
    server = make_server(settings=settings)

    server.start()
    server.stop()

    assert (tmp_path / "there.db").exists()


def test_terminal_shows_a_bar_and_a_pipe_gets_a_line_for_each_step(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server()
    history(server.database, 10)
    command = [sys.executable, "-m", "chat", "backup", "--force", str(tmp_path / "copy.db")]
    terminal, its_end = pty.openpty()
    with open(its_end, "wb") as its_end_file:  # noqa: PTH123 - a descriptor
        subprocess.run(
            [*command, "--database", str(server.database)],
            cwd=ROOT,
            stderr=its_end_file,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        shown = os.read(terminal, 65536).decode()
    os.close(terminal)

    assert "Copying" in shown
    assert "100%" in shown
    assert server.run(*command[3:]).stderr == "Copying\nChecking\n"
