"""`tchat say` and `tchat tail` on a real server."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.servers import MODULE, ROOT, ChatServer, free_port
from tests.support.waiting import wait_until

MakeServer = Callable[..., ChatServer]
Run = Callable[..., subprocess.CompletedProcess[str]]
Begin = Callable[..., subprocess.Popen[str]]

_WITHIN_S = 100.0


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Give an environment with a home of its own and one time zone."""
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    return {**os.environ, **home, "TZ": "UTC", "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    """Run a command to its end."""

    def run_one(*arguments: str, lines: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*MODULE, *arguments],
            cwd=ROOT,
            env=environment,
            input=lines,
            capture_output=True,
            text=True,
            timeout=_WITHIN_S,
            check=False,
        )

    return run_one


@pytest.fixture
def begin(environment: dict[str, str]) -> Iterator[Begin]:
    """Begin commands, which end with the test."""
    processes: list[subprocess.Popen[str]] = []

    def begin_one(*arguments: str) -> subprocess.Popen[str]:
        processes.append(
            subprocess.Popen(
                [*MODULE, *arguments],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return processes[-1]

    yield begin_one
    for process in processes:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def url_of(server: ChatServer, room: str) -> str:
    return f"{server.url}/r/{room}"


# --- say -------------------------------------------------------------------------------


@pytest.mark.shared
def test_words_and_lines_are_posted_by_one_member_with_a_key_that_nobody_else_reads(
    chat_server: ChatServer, own_room: str, run: Run, tmp_path: Path
) -> None:
    url = url_of(chat_server, own_room)
    done = run("say", "--nick", "Ann", url, "Hello,", "world")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = run("say", "--room", own_room, chat_server.url, lines="one\n\n  two\nthree")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    messages = chat_server.kept()[own_room]
    assert [message.text for message in messages] == ["Hello, world", "one", "  two", "three"]
    assert {message.member.id for message in messages} == {messages[0].member.id}
    assert messages[0].member.nick == "Ann"
    (key,) = (tmp_path / "data/tchat/keys").iterdir()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700


@pytest.mark.shared
def test_same_id_posts_once(chat_server: ChatServer, own_room: str, run: Run) -> None:
    for _ in range(2):
        done = run("say", "--id", "night", url_of(chat_server, own_room), lines="a\nb\n")
        assert done.returncode == 0, done.stderr
    assert [message.text for message in chat_server.kept()[own_room]] == ["a", "b"]


@pytest.mark.shared
def test_refused_line_is_told_and_the_others_are_posted(
    chat_server: ChatServer, own_room: str, run: Run
) -> None:
    done = run("say", url_of(chat_server, own_room), lines=f"a\n{'x' * 2001}\nb\n")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "Tchat: message 2: text_too_long: 2001 characters; 2000 are allowed.",
        "Tchat: 1 refused",
    ]
    assert [message.text for message in chat_server.kept()[own_room]] == ["a", "b"]


def test_lines_wait_for_a_server_that_is_killed_and_starts_again(
    make_server: MakeServer, begin: Begin
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.start()
    process = begin("say", server.url)
    assert process.stdin is not None
    process.stdin.write("".join(f"line {number}\n" for number in range(200)))
    process.stdin.flush()
    wait_until(lambda: len(server.kept().get("general", [])) > 5)
    server.kill()
    process.stdin.write("".join(f"line {number}\n" for number in range(200, 300)))
    process.stdin.close()
    server.start()
    assert process.wait(_WITHIN_S) == 0
    texts = [message.text for message in server.kept()["general"]]
    assert texts == [f"line {number}" for number in range(300)]


@pytest.mark.shared
@pytest.mark.parametrize("command", ["say", "tail"])
def test_what_does_not_work_is_one_line(
    chat_server: ChatServer, own_room: str, run: Run, command: str, tmp_path: Path
) -> None:
    url = url_of(chat_server, own_room)
    with Client(chat_server.ws_url) as other:
        other.join("Ann", own_room)
        (tmp_path / "open").write_text("k" * 32)
        (tmp_path / "open").chmod(0o644)
        (tmp_path / "bad").touch(0o600)
        cases = [
            (["ftp://localhost"], 2, "is no address of a chat"),
            ([f"{chat_server.url}/r/a%00"], 2, "No room can have the name"),
            ([f"{chat_server.url}/nowhere/"], 1, "HTTP 404"),
            (["--nick", "ANN", url], 1, "nick_taken: "),
            (["--key-file", str(tmp_path / "open"), url], 1, "chmod 600"),
            (["--key-file", str(tmp_path / "bad"), url], 1, "has no key"),
            (["--wait", "0.2", f"http://127.0.0.1:{free_port(run)}"], 1, "refused"),
        ]
        for arguments, code, words in cases:
            done = run(command, *arguments, lines="hello\n")
            (line,) = done.stderr.splitlines()
            assert (done.returncode, line.startswith("Tchat: ")) == (code, True), line
            assert words in line


# --- tail ------------------------------------------------------------------------------


@pytest.mark.shared
def test_newest_messages_are_printed_and_control_nothing(
    chat_server: ChatServer, own_room: str, run: Run
) -> None:
    with Client(chat_server.ws_url) as ann:
        ann.join("Ann", own_room)
        for number in range(70):
            ann.post(f"text {number}")
        ann.post("turned \u202e, and\ntwo lines", reply=70)
        ann.remove(ann.post("gone")["seq"])
    url = url_of(chat_server, own_room)
    lines = run("tail", url).stdout.splitlines()
    assert len(lines) == 20
    time = r"20\d\d-\d\d-\d\d \d\d:\d\d"
    assert re.fullmatch(rf"{time} <Ann> text 52", lines[0])
    assert re.fullmatch(rf"{time} <Ann> \(to Ann\) turned \\u202e, and\\ntwo lines", lines[-2])
    assert re.fullmatch(rf"{time} <Ann> \(removed\)", lines[-1])
    assert len(run("tail", "-n", "0", url).stdout.splitlines()) == 0
    assert len(run("tail", "-n", "65", url).stdout.splitlines()) == 65
    assert len(run("tail", "-n", "500", url).stdout.splitlines()) == 72
    (printed,) = run("tail", "--json", "-n", "1", url).stdout.splitlines()
    event = json.loads(printed)
    assert (event["type"], event["seq"], event["removed"]) == ("message", 72, True)
    assert printed.isascii()


def test_following_goes_on_after_a_restart_and_tells_what_changes(
    make_server: MakeServer, begin: Begin
) -> None:
    server = make_server()
    server.start()
    process = begin("tail", "-f", server.url)
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        first = ann.post("first")["seq"]
        assert line_of(process).endswith("<Ann> first")
        server.stop()
        server.start()
        ann.resume()
        ann.post("after the restart")
        assert line_of(process).endswith("<Ann> after the restart")
        ann.edit(first, "second")
        assert line_of(process).endswith("<Ann> (edited) second")
        ann.remove(first)
        assert line_of(process).endswith("<Ann> (took a message away)")
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=_WITHIN_S)
    assert process.returncode == 130
    assert "Traceback" not in errors + rest


@pytest.mark.long
@pytest.mark.embedded
def test_reset_is_told(make_server: MakeServer, begin: Begin) -> None:
    server = make_server()
    server.start()
    lines, objects = begin("tail", "-f", server.url), begin("tail", "-f", "--json", server.url)
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("of the old log")
    assert line_of(lines).endswith("of the old log")
    assert json.loads(line_of(objects))["text"] == "of the old log"
    server.stop()
    server.database.unlink()
    server.start()
    assert line_of(lines) == "* the log is another one, or shorter"
    assert json.loads(line_of(objects)) == {"type": "reset", "gap": "lost"}


@pytest.mark.shared
def test_reader_that_leaves_ends_it_without_a_word(
    chat_server: ChatServer, own_room: str, begin: Begin
) -> None:
    process = begin("tail", "-f", url_of(chat_server, own_room))
    assert process.stdout is not None
    with Client(chat_server.ws_url) as ann:
        ann.join("Ann", own_room)
        ann.post("first")
        assert line_of(process).endswith("first")
        process.stdout.close()
        ann.post("second")
        process.wait(_WITHIN_S)
    assert process.stderr is not None
    assert (process.returncode, process.stderr.read()) == (0, "")
