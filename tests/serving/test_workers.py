"""Several workers, which share a log on Redis: who may start them, and how they come and go."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.serving.test_handover import is_running, wait_for_end, wait_for_log
from tests.serving.test_start import metric, refusal
from tests.support.client import Client
from tests.support.posters import Posters
from tests.support.processes import connections, worker_pids
from tests.support.redis import RedisServer
from tests.support.servers import FLASK_RUN, GUNICORN, MODULE, ROOT, ChatServer
from tests.support.waiting import wait_until

MakeServer = Callable[..., ChatServer]
MakeRedis = Callable[..., RedisServer]

REPLACE = (sys.executable, "-m", "chat.serving.replace")  # make upgrade

_WITHIN_S = 20.0
_PASSWORD = "hush-hush"


@pytest.fixture
def server(make_server: MakeServer, redis_server: RedisServer) -> ChatServer:
    """Run a server with two workers on a Redis of its own."""
    server = make_server(settings={"CHAT_LIMITS": "off"}, redis_url=redis_server.url, workers=2)
    server.start()
    wait_for_log(server, "Serveur démarré", 2)
    return server


def locked(redis: RedisServer) -> str:
    """Let a Redis want a password, and give its address with it."""
    with redis.client() as client:
        client.config_set("requirepass", _PASSWORD)
    return redis.url.replace("//", f"//:{_PASSWORD}@")


# --- what starts -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "settings", "workers"),
    [
        (GUNICORN, {"WEB_CONCURRENCY": "2"}, 2),
        (MODULE, {"WEB_CONCURRENCY": "2"}, 2),
        (FLASK_RUN, {"WEB_CONCURRENCY": "2"}, 0),  # Flask's own server
    ],
    ids=["gunicorn", "python -m chat", "flask run"],
)
def test_as_many_workers_serve_as_are_asked_for_and_no_line_has_the_password(
    make_server: MakeServer,
    make_redis: MakeRedis,
    command: tuple[str, ...],
    settings: dict[str, str],
    workers: int,
) -> None:
    redis = make_redis()
    server = make_server(command, {"LC_ALL": "en", **settings}, redis_url=locked(redis))
    server.start()
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        assert ann.post("hello")["seq"] == 1
    if workers:
        wait_for_log(server, "Server started", workers)
        assert len(worker_pids(server)) == workers
        server.logged(f"The conversations are in {redis.url}\n")
    else:
        server.logged("WEB_CONCURRENCY=2 is overruled: only gunicorn has several workers")
    server.stop(signal.SIGINT)
    assert _PASSWORD not in server.log()
    assert "ERROR" not in server.log()
    assert not server.database.exists()


def test_redis_that_may_forget_messages_is_refused_in_one_line(
    make_server: MakeServer, make_redis: MakeRedis
) -> None:
    redis = make_redis(maxmemory="100mb", maxmemory_policy="allkeys-lru")
    server = make_server(redis_url=redis.url, workers=2)
    line = refusal(server)
    assert redis.url in line
    assert "noeviction" in line
    assert "Booting worker" not in server.log()


def test_server_starts_without_its_redis_and_serves_once_that_is_there(
    make_server: MakeServer, make_redis: MakeRedis
) -> None:
    redis = make_redis()
    redis.stop()
    server = make_server(redis_url=redis.url, workers=2)
    server.launch()
    wait_for_log(server, "Serveur démarré", 2)
    assert server.log().count(f"[WARNING] log: {redis.url} cannot be asked yet") == 1
    redis.start()
    wait_for_log(server, f"log: {redis.url} is in use", 2)
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        assert ann.post("hello")["seq"] == 1


def test_redis_that_may_forget_from_now_on_stops_no_server(
    server: ChatServer, redis_server: RedisServer
) -> None:
    with redis_server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    wait_for_log(server, "Serveur démarré", 4)
    server.logged("noeviction")  # the log of each new worker says so
    assert server.process.poll() is None


# --- who comes to which worker -----------------------------------------------------------


def come(server: ChatServer, stack: ExitStack, people: int) -> None:
    """Let so many people connect at once; they stay as long as the stack."""

    def one(number: int) -> Client:
        client = Client(server.ws_url)
        client.join(room=f"room-{number}")  # where nobody else comes
        return client

    with ThreadPoolExecutor(people) as threads:
        for client in threads.map(one, range(people)):
            stack.callback(client.ws.close_socket)


def shares(server: ChatServer) -> list[int]:
    """Count the connections of each worker."""
    counted = Counter(connections(server).values())
    return [counted[pid] for pid in worker_pids(server)]


def test_crowd_spreads_evenly_and_fills_the_place_of_a_worker_that_died(
    server: ChatServer,
) -> None:
    with ExitStack() as stack:
        for _ in range(10):  # at once, so many that none is left to wait for the others' turn
            come(server, stack, 8)
        before = shares(server)
        assert sum(before) == 80
        assert min(before) >= 30, before
        killed = worker_pids(server)[0]
        os.kill(killed, signal.SIGKILL)
        wait_for_log(server, "Serveur démarré", 3)
        while sum(shares(server)) < 80:
            come(server, stack, min(8, 80 - sum(shares(server))))
        after = shares(server)
        assert sum(after) == 80
        assert min(after) >= 30, after


@pytest.mark.long
def test_nobody_is_told_that_the_server_is_full_while_another_worker_has_a_place(
    make_server: MakeServer, redis_server: RedisServer
) -> None:
    server = make_server(
        settings={"CHAT_MAX_CONNECTIONS": "20", "CHAT_LIMITS": "off"},
        redis_url=redis_server.url,
        workers=2,
    )
    server.start()
    wait_for_log(server, "Serveur démarré", 2)
    first, _ = worker_pids(server)
    with ExitStack() as stack:
        os.kill(first, signal.SIGSTOP)
        come(server, stack, 20)  # all places of the second one
        os.kill(first, signal.SIGCONT)
        for _ in range(20):
            come(server, stack, 1)
        assert shares(server) == [20, 20]


@pytest.mark.long
def test_worker_that_hangs_keeps_nobody_out(server: ChatServer) -> None:
    hanging, _ = worker_pids(server)
    os.kill(hanging, signal.SIGSTOP)
    try:
        with ExitStack() as stack:
            for _ in range(5):  # far more than the one that hangs has
                come(server, stack, 10)
    finally:
        os.kill(hanging, signal.SIGCONT)


# --- workers come and go -----------------------------------------------------------------


@pytest.mark.alone
def test_sighup_replaces_all_workers_while_people_post(server: ChatServer) -> None:
    assert server.process is not None
    with Posters(server) as posters:
        for number in range(2, 5):
            posters.more()
            old = worker_pids(server)
            server.process.send_signal(signal.SIGHUP)
            wait_for_log(server, "Serveur démarré", 2 * number)
            for pid in old:
                wait_for_end(pid)
        posters.more()
    posters.check()
    assert {code for one in posters.people for code in one.close_codes} <= {1012}
    assert "ERROR" not in server.log()


def test_new_worker_serves_while_the_old_one_still_stops(
    make_server: MakeServer, redis_server: RedisServer
) -> None:
    server = make_server(redis_url=redis_server.url)
    server.start()
    assert server.process is not None
    (old,) = worker_pids(server)
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        os.kill(old, signal.SIGSTOP)  # it cannot stop now
        server.process.send_signal(signal.SIGHUP)
        wait_for_log(server, "Serveur démarré", 2)
        with Client(server.ws_url) as bob:
            bob.join("Bob")
            assert bob.post("hello")["seq"] == 1
        assert is_running(old)
        os.kill(old, signal.SIGCONT)
        assert ann.close_code() == 1012


@pytest.mark.alone
def test_workers_are_added_and_taken_away_while_people_post(server: ChatServer) -> None:
    assert server.process is not None
    first, second = worker_pids(server)
    with Posters(server) as posters:
        posters.more()
        server.process.send_signal(signal.SIGTTIN)
        wait_for_log(server, "Serveur démarré", 3)
        for oldest in (first, second):
            posters.more()
            server.process.send_signal(signal.SIGTTOU)
            wait_for_end(oldest)
        posters.more()
    posters.check()
    assert len(worker_pids(server)) == 1
    assert {code for one in posters.people for code in one.close_codes} <= {1012}
    assert "ERROR" not in server.log()


@pytest.mark.alone
@pytest.mark.long
def test_usr2_replaces_the_server_once_all_workers_of_the_new_one_serve(
    make_server: MakeServer, redis_server: RedisServer, tmp_path: Path
) -> None:
    conf = tmp_path / "conf.py"
    ours = (ROOT / "gunicorn.conf.py").read_text().replace("__file__", repr(f"{ROOT}/conf.py"))
    conf.write_text(ours)
    command = (*GUNICORN[:-1], "-c", str(conf), "wsgi:app")
    server = make_server(command, redis_url=redis_server.url, workers=2)
    server.start()
    wait_for_log(server, "Serveur démarré", 2)
    # The first worker is the last one to serve.
    conf.write_text(
        f"{ours}\nimport time\n\ndef post_fork(_, worker):\n    time.sleep(worker.age == 1)\n"
    )
    assert server.process is not None
    with Posters(server) as posters:
        posters.more()
        server.process.send_signal(signal.SIGUSR2)
        server.process.wait(_WITHIN_S)
        assert len(wait_for_log(server, "Serveur démarré", 4)) == 4
        posters.more()
    *_, new = re.findall(r"kill (\d+)$", server.log(), re.MULTILINE)
    try:
        posters.check()
        assert int(new) != server.process.pid
        assert {code for one in posters.people for code in one.close_codes} <= {1012}
        assert "ERROR" not in server.log()
    finally:
        os.kill(int(new), signal.SIGTERM)
    wait_for_end(int(new))


@pytest.mark.long
@pytest.mark.alone
def test_workers_whose_master_died_make_room_for_a_new_server(server: ChatServer) -> None:
    old = worker_pids(server)
    assert server.process is not None
    with Posters(server) as posters:
        posters.more()
        server.process.kill()  # the master alone
        server.process.wait(_WITHIN_S)
        server.start()  # on the same port
        for pid in old:
            wait_for_end(pid)
        posters.more()
    posters.check(within_s=5.0)
    assert {code for one in posters.people for code in one.close_codes} <= {1012}


def test_upgrade_says_how_servers_on_redis_are_replaced(make_server: MakeServer) -> None:
    upgrade = make_server(REPLACE, redis_url=f"redis://:{_PASSWORD}@localhost:6379")
    line = refusal(upgrade)
    assert "many servers may use redis://localhost:6379: replace each by kill -USR2" in line
    assert upgrade.log().strip() == line


# --- the machine -------------------------------------------------------------------------


def test_workers_share_what_the_machine_allows_aloud(
    make_server: MakeServer, redis_server: RedisServer
) -> None:
    few = ("bash", "-c", 'ulimit -u 1000 && exec "$0" "$@"', *GUNICORN, "-w", "4")
    server = make_server(few, redis_url=redis_server.url, workers=2)
    server.start()
    limit = "the limit of processes and threads (ulimit -u) is 1000, for 4 workers"
    server.logged(f"CHAT_MAX_CONNECTIONS=1000 is lowered to 202: {limit}")
    # Each worker learns of the others.
    wait_until(lambda: metric(server, "tchat_connections_max") == 4 * 202)
