"""One process serves a database: who else wants to waits, takes over, or is refused."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.posters import Posters
from tests.support.processes import worker_pid
from tests.support.servers import FLASK_RUN, GUNICORN, MODULE, ROOT, ChatServer
from tests.support.waiting import wait_until

MakeServer = Callable[..., ChatServer]
_WITHIN_S = 20.0
SCRIPT = (str(ROOT / ".venv/bin/gunicorn"), "wsgi:app")


def wait_for_log(server: ChatServer, pattern: str, times: int = 1) -> list[str]:
    """Wait until the server has logged a pattern so many times; give what was found."""

    def logged() -> list[str] | None:
        found = re.findall(pattern, server.log())
        return found if len(found) >= times else None

    return wait_until(logged, server.log, within_s=_WITHIN_S)


def wait_for_end(pid: int) -> None:
    """Wait until a process is gone; it may be nobody's child."""
    wait_until(lambda: not is_running(pid), within_s=_WITHIN_S)


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def master_pid(server: ChatServer) -> int:
    """Read which server has the database."""
    return int(Path(f"{server.database}.lock").read_text().split()[0])


# --- the worker is replaced ------------------------------------------------------------


@pytest.mark.alone
def test_sighup_hands_over_while_people_post(chat_server: ChatServer) -> None:
    with Posters(chat_server) as posters:
        assert chat_server.process is not None
        for number in range(2, 5):
            posters.more()
            chat_server.process.send_signal(signal.SIGHUP)
            wait_for_log(chat_server, "Serveur démarré", number)
        posters.more()
    posters.check()
    assert {code for one in posters.people for code in one.close_codes} <= {1012}
    assert "ERROR" not in chat_server.log()


@pytest.mark.alone
def test_many_sighups_at_once_leave_one_worker_that_serves(chat_server: ChatServer) -> None:
    assert chat_server.process is not None
    with Posters(chat_server) as posters:
        for _ in range(6):
            posters.more(1)
            chat_server.process.send_signal(signal.SIGHUP)
        posters.more()
    posters.check(within_s=3.0)  # a worker may be replaced while somebody comes to it
    workers = re.findall(r"Booting worker with pid: (\d+)", chat_server.log())
    for pid in workers[:-1]:
        wait_for_end(int(pid))
    assert is_running(int(workers[-1]))


@pytest.mark.alone
def test_worker_that_is_killed_is_replaced_at_once(chat_server: ChatServer) -> None:
    with Posters(chat_server) as posters:
        posters.more()
        os.kill(worker_pid(chat_server), signal.SIGKILL)
        posters.more()
    posters.check(within_s=2.0)  # gunicorn looks for dead workers each second


@pytest.mark.alone
def test_second_worker_parks_in_one_line_and_takes_over_when_the_first_one_leaves(
    chat_server: ChatServer,
) -> None:
    first = worker_pid(chat_server)
    assert chat_server.process is not None
    with Posters(chat_server) as posters:
        chat_server.process.send_signal(signal.SIGTTIN)
        wait_for_log(
            chat_server, f"Process {first} serves {chat_server.database}: this worker waits"
        )
        second = worker_pid(chat_server)
        assert second != first
        with ExitStack() as stack:  # nobody comes to another process than the others
            ann, *others = [stack.enter_context(Client(chat_server.ws_url)) for _ in range(10)]
            ann.join("Ann", room="split")
            for other in others:
                other.join(room="split")
            ann.post("to all")
            for other in others:
                other.expect("message", text="to all")
        assert chat_server.log().count("this worker waits") == 1
        chat_server.process.send_signal(signal.SIGTTOU)  # the older one leaves
        wait_for_log(chat_server, "Serveur démarré", 2)
        posters.more()
    posters.check()
    assert worker_pid(chat_server) == second


@pytest.mark.alone
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_parked_worker_stops_when_told(chat_server: ChatServer, number: int) -> None:
    assert chat_server.process is not None
    chat_server.process.send_signal(signal.SIGTTIN)
    wait_for_log(chat_server, "this worker waits")
    assert chat_server.stop(number) < 3.0
    assert "ERROR" not in chat_server.log()


# --- the whole server is replaced --------------------------------------------------------


@pytest.mark.alone
@pytest.mark.parametrize(
    "command",
    [GUNICORN, SCRIPT, pytest.param(MODULE, marks=pytest.mark.long)],
    ids=["-m", "script", "chat"],
)
def test_usr2_replaces_the_server_while_people_post(
    make_server: MakeServer, command: tuple[str, ...]
) -> None:
    server = make_server(command)
    server.start()
    assert server.process is not None
    old = server.process.pid
    try:
        with Posters(server) as posters:
            posters.more()
            server.process.send_signal(signal.SIGUSR2)
            server.process.wait(_WITHIN_S)  # the new server asks it to end
            posters.more()
        posters.check(within_s=3.0)
        new = master_pid(server)
        assert new != old
        assert {code for one in posters.people for code in one.close_codes} <= {1012}
        assert "ERROR" not in server.log()
    finally:
        os.kill(master_pid(server), signal.SIGTERM)
    wait_for_end(new)


def test_usr2_works_with_relative_names_and_chdir(make_server: MakeServer, tmp_path: Path) -> None:
    (tmp_path / "clone").symlink_to(ROOT)
    command = ("clone/.venv/bin/gunicorn", "-c", str(ROOT / "gunicorn.conf.py"))
    server = make_server((*command, "--chdir", "clone", "wsgi:app"), cwd=tmp_path)
    server.start()
    assert server.process is not None
    server.process.send_signal(signal.SIGUSR2)
    assert server.process.wait(_WITHIN_S) == 0
    new = master_pid(server)
    assert new != server.process.pid
    assert server.get("/healthz")
    os.kill(new, signal.SIGTERM)
    wait_for_end(new)


@pytest.mark.alone
def test_server_goes_on_when_the_one_that_usr2_starts_is_refused(
    make_server: MakeServer, tmp_path: Path
) -> None:
    conf = tmp_path / "conf.py"
    ours = (ROOT / "gunicorn.conf.py").read_text()
    conf.write_text(ours)
    server = make_server((*GUNICORN[:-1], "-c", str(conf), "wsgi:app"))
    server.start()
    assert server.process is not None
    conf.write_text(f"{ours}\nworkers = 2\n")
    with Posters(server) as posters:
        server.process.send_signal(signal.SIGUSR2)
        wait_for_log(server, "2 workers are not allowed")
        posters.more()
    posters.check()
    assert server.process.poll() is None


# --- two servers on one database -----------------------------------------------------------


@pytest.fixture(scope="module", params=[GUNICORN, FLASK_RUN], ids=["gunicorn", "flask"])
def first(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ChatServer]:
    """Give the server that has the database; all whom it keeps out come to the same one."""
    server = ChatServer(tmp_path_factory.mktemp("first"), request.param)
    server.start()
    yield server
    server.end()


@pytest.mark.parametrize(
    "command",
    [GUNICORN, pytest.param(MODULE, marks=pytest.mark.long), FLASK_RUN],
    ids=["gunicorn", "chat", "flask"],
)
def test_second_server_is_refused_in_one_line(
    make_server: MakeServer, command: tuple[str, ...], first: ChatServer
) -> None:
    second = make_server(command, settings={"CHAT_DATABASE": str(first.database)})
    assert second.launch().wait(_WITHIN_S) != 0
    assert first.process is not None
    lines = [line for line in second.log().splitlines() if "Starting gunicorn" not in line]
    assert lines == [f"Tchat: another process ({first.process.pid}) serves {first.database}"]
    assert first.get("/healthz")


def test_commands_of_flask_that_serve_nobody_take_no_lock(
    make_server: MakeServer, chat_server: ChatServer
) -> None:
    routes = make_server(
        (*FLASK_RUN[:-3], "routes"), settings={"CHAT_DATABASE": str(chat_server.database)}
    )
    assert routes.launch().wait(_WITHIN_S) == 0
    assert "/healthz" in routes.log()


@pytest.mark.parametrize("options", [(), ("--debug",)], ids=["plain", "with the reloader"])
def test_flask_run_gives_its_lock_back_each_time(
    make_server: MakeServer, options: tuple[str, ...]
) -> None:
    server = make_server((*FLASK_RUN, *options))
    for number in range(1, 4):
        server.start()
        with Client(server.ws_url) as ann:
            ann.join()
            assert ann.post("hello")["seq"] == number
            assert server.process is not None
            os.killpg(server.process.pid, signal.SIGINT)  # as a terminal does
            server.process.wait(_WITHIN_S)
            assert ann.close_code() == 1012
    with closing(sqlite3.connect(server.database)) as stored:
        assert stored.execute("SELECT count(*) FROM entries").fetchone() == (3,)


# --- the master dies -------------------------------------------------------------------


@pytest.mark.alone
def test_worker_whose_master_died_tells_its_pages_and_a_new_server_starts_at_once(
    chat_server: ChatServer,
) -> None:
    worker = worker_pid(chat_server)
    assert chat_server.process is not None
    with Posters(chat_server) as posters:
        posters.more()
        chat_server.process.kill()  # the master alone
        chat_server.process.wait(_WITHIN_S)
        chat_server.start()  # on the same port and database
        wait_for_end(worker)
        posters.more()
    posters.check(within_s=5.0)
    assert {code for one in posters.people for code in one.close_codes} <= {1012}
    assert "ERROR" not in chat_server.log()


@pytest.mark.alone
def test_parked_worker_stops_when_its_master_died(chat_server: ChatServer) -> None:
    first = worker_pid(chat_server)
    assert chat_server.process is not None
    chat_server.process.send_signal(signal.SIGTTIN)
    wait_for_log(chat_server, "this worker waits")
    second = worker_pid(chat_server)
    chat_server.process.kill()
    died_at = time.monotonic()
    for pid in (first, second):
        wait_for_end(pid)
    assert time.monotonic() - died_at < 5.0
    assert chat_server.log().count("Serveur démarré") == 1  # neither took over from the other


def test_worker_that_cannot_stop_is_ended_although_its_master_died(
    make_server: MakeServer,
) -> None:
    server = make_server((*GUNICORN, "--graceful-timeout", "1"))
    server.start()
    worker = worker_pid(server)
    assert server.process is not None
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        with closing(sqlite3.connect(server.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # the writer waits for it, and the stop for the writer
            ann.send(type="post", id="1", text="not acknowledged")
            ann.send(type="ping")
            ann.expect("pong")
            server.process.kill()
            wait_for_end(worker)


def test_worker_whose_master_dies_while_it_boots_serves_nobody(make_server: MakeServer) -> None:
    server = make_server((*GUNICORN, "-c", "tests/support/slow_boot.py"))
    process = server.launch()
    (worker,) = wait_for_log(server, r"Booting worker with pid: (\d+)")
    process.kill()
    process.wait(_WITHIN_S)
    wait_for_end(int(worker))
    assert "Serveur démarré" not in server.log()
