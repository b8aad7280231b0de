"""The log: one form for all lines, nothing lost while it is read, and nobody waits if it is not."""

from __future__ import annotations

import fcntl
import http.client
import json
import logging
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from chat.serving.logs import Form, JsonForm
from tests.support.client import Client
from tests.support.metrics import Scrape
from tests.support.raw import RawPeer
from tests.support.servers import FLASK_RUN, GUNICORN, MODULE, ChatServer
from tests.support.waiting import wait_until

MakeServer = Callable[..., ChatServer]
# gunicorn writes the access log to standard output, and all else to standard error.
TALKATIVE = (*GUNICORN, "--access-logfile", "-")
PROBE = (*GUNICORN[:-1], "tests.support.probe:app")
VISITS = 1100  # more lines than wait for a reader, and than the pipe holds
JOINS = 60  # their lines are more than the pipe holds
LINE = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[\d+\] \[[A-Z]+\] ")
WAIT_S = 20.0
STOPS_WITHIN_S = 5.0  # beside other tests; gunicorn would wait for ten


class PipedServer(ChatServer):
    """A server whose output goes into a pipe, which a test reads or does not."""

    output_end: int

    def launch(self) -> subprocess.Popen[bytes]:
        self.output_end, input_end = os.pipe()
        fcntl.fcntl(input_end, fcntl.F_SETPIPE_SZ, 4096)
        self.process = subprocess.Popen(
            self._command,
            cwd=self._cwd,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=input_end,
            stderr=input_end,
            start_new_session=True,
        )
        os.close(input_end)
        return self.process

    def read_until(self, wanted: str) -> str:
        """Read what was printed until something comes."""
        read = ""
        while wanted not in read:
            data = os.read(self.output_end, 65536)
            assert data, read
            read += data.decode()
        return read

    def worker_pids(self) -> list[int]:
        """Find the processes that the server has started."""
        assert self.process is not None
        pid = self.process.pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def make_piped(tmp_path: Path) -> Iterator[Callable[..., PipedServer]]:
    servers: list[PipedServer] = []

    def make(*arguments: object) -> PipedServer:
        servers.append(PipedServer(tmp_path, *arguments))  # type: ignore[arg-type]
        return servers[-1]

    yield make
    for server in servers:
        server.end()
        os.close(server.output_end)


def visit(server: ChatServer, count: int) -> None:
    """Ask for a page that often, as browsers do that keep their connection."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT_S)
    for _ in range(count):
        connection.request("GET", "/status")
        assert connection.getresponse().read()
    connection.close()


def come_and_go(server: ChatServer, count: int) -> None:
    """Join and leave that often; each time the log gets a line."""
    for number in range(count):
        with RawPeer(server) as peer:
            peer.open().command(type="join", room=f"room-{number % 50}")
            peer.event("welcome")


@pytest.mark.parametrize(
    ("command", "number"),
    [
        (TALKATIVE, signal.SIGTERM),
        pytest.param(TALKATIVE, signal.SIGINT, marks=pytest.mark.long),
        pytest.param(TALKATIVE, signal.SIGQUIT, marks=pytest.mark.long),
        pytest.param(MODULE, signal.SIGTERM, marks=pytest.mark.long),  # it starts gunicorn
        (FLASK_RUN, signal.SIGINT),
    ],
    ids=["gunicorn TERM", "gunicorn INT", "gunicorn QUIT", "python -m chat TERM", "flask run INT"],
)
def test_log_that_nobody_reads_keeps_nobody_out_and_stops_no_stop(
    make_piped: Callable[..., PipedServer], command: tuple[str, ...], number: int
) -> None:
    server = make_piped(command)
    server.start()
    visit(server, VISITS)
    come_and_go(server, JOINS)
    assert server.get("/healthz") == "ok\n"
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("hello")
        assert server.stop(number) < STOPS_WITHIN_S
        assert ann.close_code() == 1012
    assert server.process is not None
    assert server.process.returncode == 0


@pytest.mark.alone
def test_log_that_nobody_reads_makes_no_stop_longer_than_two_seconds(
    make_piped: Callable[..., PipedServer],
) -> None:
    server = make_piped(TALKATIVE)
    server.start()
    visit(server, VISITS)
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        assert server.stop() < 2.0
        assert ann.close_code() == 1012


def test_log_that_is_read_again_says_how_many_lines_are_missing(
    make_piped: Callable[..., PipedServer],
) -> None:
    server = make_piped(FLASK_RUN)
    server.start()
    visit(server, VISITS)
    counter = re.search(r"tchat_dropped_log_lines_total (\d+)", server.get("/metrics"))
    assert counter is not None
    assert 0 < int(counter[1]) < VISITS
    log = server.read_until("were not logged")
    log += server.read_until("\n") if not log.endswith("\n") else ""
    missing = re.search(
        r"\[WARNING\] (\d+) lines were not logged: nobody read the log$", log, re.MULTILINE
    )
    assert missing is not None
    # One more for /metrics itself, which was dropped too.
    assert int(missing[1]) == int(counter[1]) + 1
    assert log.count("GET /status") + int(missing[1]) >= VISITS + 1
    visit(server, 3)
    log = server.read_until("GET /status")
    assert "were not logged" not in log


def test_worker_is_replaced_while_nobody_reads_the_log(
    make_piped: Callable[..., PipedServer],
) -> None:
    server = make_piped(TALKATIVE)
    server.start()
    visit(server, VISITS)
    (before,) = server.worker_pids()
    assert server.process is not None
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        server.process.send_signal(signal.SIGHUP)
        assert ann.close_code() == 1012
        assert ann.resume()["resumed"] is True
        visit(server, VISITS)
        while before in server.worker_pids():
            pass  # bounded by the test's timeout
        # It is the new worker's own count.
        assert re.search(r"tchat_dropped_log_lines_total [1-9]", server.get("/metrics"))
        ann.post("hello")
    assert server.stop() < STOPS_WITHIN_S
    assert server.process.returncode == 0


def test_log_without_a_reader_at_all_keeps_nobody_out(
    make_piped: Callable[..., PipedServer],
) -> None:
    server = make_piped(TALKATIVE)
    server.start()
    os.close(server.output_end)
    server.output_end = os.open(os.devnull, os.O_RDONLY)
    visit(server, 100)
    come_and_go(server, 10)
    assert re.search(r"tchat_dropped_log_lines_total [1-9]", server.get("/metrics"))
    assert server.stop() < STOPS_WITHIN_S
    assert server.process is not None
    assert server.process.returncode == 0


def test_server_without_standard_streams_serves(make_server: MakeServer) -> None:
    server = make_server(("sh", "-c", f"exec {' '.join(TALKATIVE)} >&- 2>&-"))
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("hello")
    assert server.stop() < STOPS_WITHIN_S


# --- while somebody reads ------------------------------------------------------------


@pytest.mark.parametrize("command", [TALKATIVE, MODULE, FLASK_RUN], ids=["gunicorn", "m", "flask"])
def test_log_in_a_file_has_every_line_up_to_the_last(
    make_server: MakeServer, command: tuple[str, ...]
) -> None:
    server = make_server(command)
    server.start()
    come_and_go(server, 100)
    wait_until(lambda: server.status()["connected_users"] == 0)  # all ends were noticed
    server.stop(signal.SIGINT)
    assert server.log().count(" disconnect ") == 100
    assert "were not logged" not in server.log()
    if command is not FLASK_RUN:
        assert server.log().rstrip().endswith("Shutting down: Master")


@pytest.mark.parametrize(
    "command", [PROBE, MODULE, FLASK_RUN], ids=["gunicorn", "python -m chat", "flask run"]
)
def test_all_lines_have_one_form_and_what_else_an_event_has_is_indented(
    make_server: MakeServer, command: tuple[str, ...]
) -> None:
    server = make_server(command, settings={"WEB_CONCURRENCY": "2"})
    server.start()
    with RawPeer(server) as peer:
        peer.open().command(type="join")
        peer.event("welcome")
        peer.frame(b"bug")
    with RawPeer(server) as peer:
        peer.sock.sendall(b"GET /\x1b[2J HTTP/9.9\r\n\r\n")
        assert peer.sock.recv(1)
    server.get("/")
    server.stop(signal.SIGINT)
    lines = server.log().splitlines()
    if command is FLASK_RUN:  # it says something by itself, which is not logged
        lines = [line for line in lines if not line.startswith((" * ", "\x1b"))]
    assert len(lines) > 3
    for line in lines:
        assert LINE.match(line) or line.startswith("    "), line
        assert "\x1b" not in line
    if command is PROBE:
        assert "\n    ZeroDivisionError: a bug\n" in server.log()


def test_error_and_access_log_of_gunicorn_may_be_files_and_ours_is_with_its_errors(
    make_server: MakeServer, tmp_path: Path
) -> None:
    errors, access = tmp_path / "errors.log", tmp_path / "access.log"
    server = make_server(
        (*GUNICORN, "--error-logfile", str(errors), "--access-logfile", str(access))
    )
    server.start()
    come_and_go(server, 3)
    server.get("/status")
    server.stop()
    lines = errors.read_text().splitlines()
    assert all(LINE.match(line) for line in lines)
    assert sum(" disconnect " in line for line in lines) == 3
    assert lines[-1].endswith("Shutting down: Master")
    assert '"GET /status HTTP/1.1" 200' in access.read_text()
    assert server.log() == ""


def test_standard_error_by_its_other_name_keeps_nobody_waiting_either(
    make_piped: Callable[..., PipedServer],
) -> None:
    server = make_piped((*GUNICORN, "--access-logfile", "/dev/stdout"))
    server.start()
    visit(server, VISITS)
    assert server.stop() < STOPS_WITHIN_S


# --- as the settings say ---------------------------------------------------------------


def events(text: str) -> list[dict[str, Any]]:
    """Read lines that are JSON objects, each one event."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("command", [PROBE, FLASK_RUN], ids=["gunicorn", "flask run"])
def test_each_event_is_one_json_object_with_the_ids_that_it_is_about(
    make_server: MakeServer, tmp_path: Path, command: tuple[str, ...]
) -> None:
    file = tmp_path / "tchat.log"
    settings = {"CHAT_LOG_FORMAT": "json", "CHAT_LOG_LEVEL": "debug", "CHAT_LOG_FILE": str(file)}
    server = make_server(command, settings)
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        assert ann.refusal(type="post", id="1", text=" ")["code"] == "text_empty"
    with RawPeer(server) as peer:
        peer.open().frame(b"bug")
        assert peer.read_frame()
    server.stop(signal.SIGINT)
    found = events(file.read_text())
    for event in found:
        assert datetime.fromisoformat(event["time"]).tzinfo is not None
        assert event["level"] in ("debug", "info", "warning", "error")
        assert isinstance(event["process"], int)
        assert event["logger"]
        assert event["message"]
    (end,) = (event for event in found if event.get("member") and "disconnect" in event["message"])
    own = [event for event in found if event.get("connection") == end["connection"]]
    assert [event["message"].split()[0] for event in own] == [
        "connect",
        "join",
        "refused:",
        "disconnect",
    ]
    assert [event.get("member") for event in own] == [None, *[ann.member["id"]] * 3]
    if command is PROBE:
        (bug,) = (event for event in found if "traceback" in event)
        assert "\n" in bug["traceback"]
        assert bug["traceback"].endswith("ZeroDivisionError: a bug")
        assert bug["connection"] != end["connection"]


def test_line_for_people_ends_with_the_ids_too(make_server: MakeServer) -> None:
    server = make_server()
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann")
    line = next(line for line in server.logged("disconnect").splitlines() if "disconnect" in line)
    assert re.search(rf" connection=[0-9a-f]{{8}} member={ann.member['id']}$", line), line


def test_level_leaves_out_what_is_less_important(make_server: MakeServer) -> None:
    server = make_server(settings={"CHAT_LOG_LEVEL": "warning"})
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann")
    with RawPeer(server) as peer:
        assert peer.handshake(Origin="https://elsewhere.example")[0] == 403
    server.logged("/ws refused")
    server.stop()
    assert {line.split("] ")[2] for line in server.log().splitlines()} == {"[WARNING"}


def test_file_that_is_renamed_is_made_anew_and_no_line_is_lost(
    make_server: MakeServer, tmp_path: Path
) -> None:
    file, older = tmp_path / "tchat.log", tmp_path / "tchat.log.1"
    server = make_server(settings={"CHAT_LOG_FILE": str(file)})
    server.start()
    come_and_go(server, 5)
    wait_until(lambda: file.read_text().count(" disconnect ") == 5)
    file.rename(older)
    come_and_go(server, 5)
    wait_until(lambda: file.exists() and file.read_text().count(" disconnect ") == 5)
    server.stop()
    assert older.read_text().count(" disconnect ") == 5
    assert file.read_text().rstrip().endswith("Shutting down: Master")
    assert file.stat().st_mode & 0o007 == 0
    assert server.log() == ""


def test_file_on_a_full_disk_keeps_nobody_out_and_its_lines_are_counted(
    make_server: MakeServer,
) -> None:
    server = make_server(settings={"CHAT_LOG_FILE": "/dev/full"})
    server.start()
    come_and_go(server, 3)
    wait_until(lambda: Scrape(server).value("dropped_log_lines_total") >= 3)
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("hello")
    assert server.stop() < STOPS_WITHIN_S


@pytest.mark.parametrize("file", ["{folder}", "{folder}/none/tchat.log", "tchat.log"])
@pytest.mark.parametrize("command", [GUNICORN, FLASK_RUN], ids=["gunicorn", "flask run"])
def test_file_that_cannot_be_written_is_refused_in_one_line(
    make_server: MakeServer, tmp_path: Path, command: tuple[str, ...], file: str
) -> None:
    server = make_server(command, {"CHAT_LOG_FILE": file.format(folder=tmp_path)})
    assert server.launch().wait(WAIT_S) != 0
    lines = [line for line in server.log().splitlines() if "Tchat: " in line]
    assert len(lines) == 1
    assert "CHAT_LOG_FILE=" in lines[0]
    assert "Traceback" not in server.log()


# --- the form and the way ------------------------------------------------------------


def form(text: str) -> str:
    return Form().format(logging.LogRecord("x", logging.INFO, "", 0, text, None, None))


def test_text_of_a_stranger_makes_no_line_that_looks_like_an_event() -> None:
    first, *others = form("one\n[2026-01-01 00:00:00 +0000] [1] [INFO] two\r\nthree").split("\n")
    assert LINE.match(first)
    assert others == ["    [2026-01-01 00:00:00 +0000] [1] [INFO] two", "    three"]


def test_text_of_a_stranger_moves_no_cursor() -> None:
    assert form("a\x1b[2Jb\x07c\x9bd\te\x00").endswith(r"a\x1b[2Jb\x07c\x9bd" + "\te" + r"\x00")
    assert form("\x1b[31mred\x1b[0m").endswith("] red")


def test_json_moves_no_cursor_and_is_cut_too() -> None:
    text = JsonForm().format(
        logging.LogRecord(
            "x", logging.INFO, "", 0, "a\x1b[2J\x9b\u2028\ud800é\n" * 9999, None, None
        )
    )
    assert text.isascii()
    assert "\n" not in text
    assert "\x1b" not in text
    assert len(text) < 60_000
    assert json.loads(text)["message"].startswith("a\x1b[2J\x9b\u2028\ud800é\na")


def test_long_event_is_cut() -> None:
    assert len(form("x" * 1_000_000)) < 10_000


def run(script: str, **options: object) -> subprocess.Popen[bytes]:
    """Run a script that has `lines` and `log`, as a server has them."""
    head = (
        "import logging, os, sys, time, warnings\n"
        "from chat.serving.logs import Lines, log_everything\n"
        "lines = Lines(sys.__stderr__)\n"
        "log_everything(lines)\n"
        "log = logging.getLogger('x')\n"
    )
    return subprocess.Popen([sys.executable, "-c", head + script], **options)  # type: ignore[call-overload, no-any-return]


def test_what_is_printed_warned_of_or_raised_is_in_the_log_too() -> None:
    process = run(
        "print('printed', file=sys.stderr)\n"
        "print('in ', end='', file=sys.stderr); print('parts', file=sys.stderr)\n"
        "warnings.warn('warned of')\n"
        "log.error('%d', 'no number')\n"
        "log.error('said')\n"
        "1/0",
        stderr=subprocess.PIPE,
    )
    _, log = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    lines = log.decode().splitlines()
    assert all(LINE.match(line) or line.startswith("    ") for line in lines)
    for text in (r"\] printed", r"\] in parts", "UserWarning: warned of", r"\[ERROR\] said"):
        assert sum(bool(re.search(text, line)) for line in lines) == 1, text
    assert lines[-1].endswith("ZeroDivisionError: division by zero")


def test_child_of_a_fork_logs_by_itself_and_what_waits_is_its_parents() -> None:
    process = run(
        "for number in range(50): log.error('before %d', number)\n"
        "child = os.fork()\n"
        "for number in range(50): log.error('%s %d', 'parent' if child else 'child', number)\n"
        "child and os.waitpid(child, 0)\n",
        stderr=subprocess.PIPE,
    )
    _, log = process.communicate(timeout=WAIT_S)
    words = re.findall(r"\[ERROR\] (\w+) (\d+)", log.decode())
    for who in ("before", "parent", "child"):
        assert [number for word, number in words if word == who] == [str(n) for n in range(50)]


@contextmanager
def small_pipe() -> Iterator[tuple[int, int]]:
    """Give a pipe that is full after a page."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    try:
        yield reader, writer
    finally:
        os.close(reader)
        os.close(writer)


def test_process_that_ends_waits_half_a_second_for_its_reader_and_no_longer() -> None:
    with small_pipe() as (_, writer):
        asked_at = time.monotonic()
        process = run("for _ in range(100): log.error('x' * 100)", stderr=writer)
        assert process.wait(WAIT_S) == 0
        assert 0.5 < time.monotonic() - asked_at < 8.0


@pytest.mark.alone
def test_process_that_ends_does_not_wait_for_who_has_not_read_for_long() -> None:
    with small_pipe() as (reader, writer):
        process = run(
            "for _ in range(100): log.error('x' * 100)\ntime.sleep(2)\nprint(time.monotonic())",
            stderr=writer,
            stdout=subprocess.PIPE,
        )
        output, _ = process.communicate(timeout=WAIT_S)
        assert process.returncode == 0
        assert time.monotonic() - float(output) < 0.9
        assert b"Fatal" not in os.read(reader, 65536)


def test_pipe_that_somebody_made_non_blocking_loses_nothing() -> None:
    with small_pipe() as (reader, writer):
        os.set_blocking(writer, False)
        process = run(
            "for number in range(500): log.error('%d', number)\nsys.stdin.read()\nlines.drain()",
            stderr=writer,
            stdin=subprocess.PIPE,
        )
        log = b""
        while b"] 499\n" not in log:
            log += os.read(reader, 65536)
        process.communicate(timeout=WAIT_S)
        assert re.findall(rb"\[ERROR\] (\d+)", log) == [b"%d" % number for number in range(500)]


def test_full_disk_drops_lines_and_says_why_when_there_is_room_again(tmp_path: Path) -> None:
    # The limit of a file's size stands for a full disk: the write fails, and later it does not.
    script = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "limits = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200, limits[1]))\n"
        "for number in range(20): log.error('%d', number)\n"
        "lines.drain()\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, limits)\n"
        "log.error('the end')\n"
    )
    path = tmp_path / "log"
    with path.open("wb") as file:
        assert run(script, stderr=file).wait(WAIT_S) == 0
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    log = path.read_text()
    assert re.search(r"\[WARNING\] 1\d lines were not logged: .*File too large", log)
    assert "the end" in log
