"""Watching a server: what /metrics counts, a real Prometheus, its alerts, and the dashboard."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Client
from tests.support.daemons import Daemon
from tests.support.metrics import Scrape
from tests.support.processes import worker_pids
from tests.support.raw import RawPeer
from tests.support.redis import RedisServer
from tests.support.servers import ROOT, ChatServer, free_port
from tests.support.waiting import wait_until

MakeServer = Callable[..., ChatServer]

DEPLOY = ROOT / "deploy"
TOKEN = "a-secret-of-the-operator"
BATCH = 20  # posts
LIMIT_BYTES = 64 << 20


def program(name: str) -> str:
    """Find a program of Prometheus: Debian's, which tools/need.sh unpacks if none is installed."""
    return shutil.which(name) or str(ROOT / "build/prometheus/usr/bin" / name)


# --- what is counted ---------------------------------------------------------------------


@pytest.mark.embedded
def test_posts_deliveries_and_commits_are_counted(make_server: MakeServer) -> None:
    server = make_server(settings={"CHAT_DATABASE_BYTES": str(LIMIT_BYTES)})
    server.start()
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob:
        ann.join("Ann")
        bob.join("Bob")
        for number in range(5):
            ann.post(f"{number}")
        ann.edit(5, "five")
        bob.expect("edited")
        # It is counted when all have been given it, of whom one knows it before.
        wait_until(lambda: Scrape(server).value("deliveries_total") == 6 * 2)
        scrape = Scrape(server)
        assert scrape.value("connections") == scrape.value("members") == 2
    assert scrape.value("posts_total") == 5
    assert scrape.value("commit_entries_sum") == 6
    assert 1 <= scrape.value("commit_seconds_count") <= 6
    assert scrape.value("commit_seconds_count") == scrape.value("commit_entries_count")
    assert 0 < scrape.value("commit_seconds_sum") < 60
    assert scrape.value("storage_available") == 1
    assert scrape.value("database_bytes") >= server.database.stat().st_size > 0
    assert (
        0 < scrape.value("database_free_bytes") < LIMIT_BYTES - scrape.value("database_bytes") + 1
    )


@pytest.mark.embedded
def test_resumes_and_resets_are_counted_with_what_they_gave(make_server: MakeServer) -> None:
    server = make_server()
    server.start()
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob:
        ann.join("Ann")
        bob.join("Bob")
        ann.post("one")
        bob.expect("message", text="one")
    with Client(server.ws_url) as cem:
        cem.join("Cem")
        cem.post("two")
        cem.post("three")
        bob.connect()
        assert bob.resume()["resumed"] is True
        bob.epoch = "another log's"
        bob.connect()
        assert bob.resume()["gap"] == "lost"
        scrape = Scrape(server)
    assert scrape.value("joins_total") == 5
    assert scrape.value("resumes_total") == 1
    assert scrape.value("resumed_entries_total") == 2
    assert scrape.labelled("resets_total") == {"lost": 1}
    assert scrape.labelled("reset_messages_total") == {"lost": 3}


@pytest.mark.embedded
def test_refusals_and_ends_are_counted_by_reason(make_server: MakeServer) -> None:
    server = make_server()
    server.start()
    with RawPeer(server) as stranger:
        assert stranger.handshake(Origin="https://elsewhere.example")[0] == 403
    with RawPeer(server) as old:
        assert old.handshake(Sec_WebSocket_Version="8")[0] == 426
    with Client(server.ws_url) as ann:
        assert ann.refusal(type="post", id="1", text="too early")["code"] == "join_first"
        ann.join("Ann")
        assert ann.refusal(type="post", id="2", text=" ")["code"] == "text_empty"
        # It is refused where it is stored, on another thread.
        assert ann.refusal(type="edit", id="3", target=9, text="x")["code"] == "target_unknown"
    with RawPeer(server) as peer:
        peer.open().frame(b"no mask", mask=False)
        assert peer.close_code() == 1002
    with RawPeer(server) as peer:  # no stranger can make it look as if the server had closed it
        peer.open().frame((4008).to_bytes(2), 8)
        assert peer.close_code() == 4008
    scrape = wait_until(lambda: (found := Scrape(server)).value("connections") == 0 and found)
    assert scrape.labelled("refused_handshakes_total") == {"origin": 1, "version": 1}
    assert scrape.labelled("refusals_total") == {
        "join_first": 1,
        "text_empty": 1,
        "target_unknown": 1,
    }
    wait_until(
        lambda: Scrape(server).labelled("closed_connections_total") == {"1002": 1, "left": 2}
    )


@pytest.mark.embedded
def test_what_waits_for_a_slow_reader_is_counted_and_so_is_its_end(make_server: MakeServer) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.start()
    with RawPeer(server, receive_buffer=4096) as slow, Client(server.ws_url) as ann:
        slow.open().command(type="join", nick="Slow")
        slow.event("welcome")
        ann.join("Ann")
        waiting: list[float] = []
        while not (scrape := Scrape(server)).labelled("closed_connections_total"):
            waiting.append(scrape.value("outbox_bytes"))
            for _ in range(BATCH):
                ann.post("\U0001f600" * 2000)  # 8,000 bytes
        assert scrape.labelled("closed_connections_total") == {"4008": 1}
        assert 0 < max(waiting) <= 1_048_576 + 10_000
        wait_until(lambda: Scrape(server).value("outbox_bytes") == 0)


@pytest.mark.embedded
def test_log_that_cannot_be_read_is_an_error_and_not_available(make_server: MakeServer) -> None:
    server = make_server()
    server.start()
    server.database.rename(server.database.with_suffix(".away"))
    scrape = wait_until(
        lambda: (found := Scrape(server)).value("storage_errors_total") > 0 and found
    )
    assert scrape.value("storage_available") == 0
    with Client(server.ws_url) as ann:
        ann.send(type="join", nick="Ann", room="general")
        assert ann.close_code() == 1012
    assert Scrape(server).labelled("refusals_total") == {"storage_unavailable": 1}


def has_two_workers_but_not(killed: int, server: ChatServer) -> bool:
    """Tell whether another worker is in the place of one."""
    pids = worker_pids(server)
    return killed not in pids and len(pids) == 2


def test_several_workers_count_as_one_and_keep_it_when_they_are_replaced(
    make_server: MakeServer, redis_server: RedisServer
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"}, redis_url=redis_server.url, workers=2)
    server.start()
    posts = 0
    for turn in range(3):
        with Client(server.ws_url) as ann, Client(server.ws_url) as bob:
            ann.join(f"Ann {turn}")
            bob.join(f"Bob {turn}")
            ann.post("hello")
            bob.post("hello")
        posts += 2
        for _ in range(8):  # whichever of them answers
            assert Scrape(server).value("posts_total") == posts
        killed, _ = worker_pids(server)
        os.kill(killed, signal.SIGKILL)
        wait_until(partial(has_two_workers_but_not, killed, server))
    scrape = Scrape(server)
    assert scrape.value("posts_total") == scrape.value("joins_total") == posts
    assert scrape.value("commit_seconds_count") > 0
    assert scrape.value("database_bytes") > 0
    before = set(worker_pids(server))
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)  # another version, which counts anew
    wait_until(lambda: len(pids := worker_pids(server)) == 2 and not before & set(pids))
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("hello")
        for _ in range(8):
            assert Scrape(server).value("posts_total") == 1


@pytest.mark.parametrize("limit_bytes", [0, LIMIT_BYTES])
def test_memory_of_redis_is_the_size_of_the_database(
    make_server: MakeServer, make_redis: Callable[..., RedisServer], limit_bytes: int
) -> None:
    redis = make_redis(maxmemory=limit_bytes)
    server = make_server(redis_url=redis.url)
    server.start()
    scrape = wait_until(lambda: "tchat_database_bytes" in (found := Scrape(server)).names and found)
    used = scrape.value("database_bytes")
    assert used > 0
    if limit_bytes:
        assert scrape.value("database_free_bytes") == LIMIT_BYTES - used
    else:
        assert "tchat_database_free_bytes" not in scrape.names


# --- Prometheus --------------------------------------------------------------------------


class Prometheus(Daemon):
    """A real Prometheus, with the files of deploy/, that scrapes one server."""

    def __init__(self, folder: Path, server: ChatServer) -> None:
        self._port = free_port(self)
        config = (DEPLOY / "prometheus.yml").read_text()
        for there, here in (("127.0.0.1:8080", f"127.0.0.1:{server.port}"), ("15s", "1s")):
            assert there in config
            config = config.replace(there, here)
        (folder / "prometheus.yml").write_text(config)
        (folder / "tchat.token").write_text(TOKEN)
        shutil.copy(DEPLOY / "alerts.yml", folder)
        command = (
            program("prometheus"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
        )
        super().__init__(folder, command, ("127.0.0.1", self._port))

    def ask(self, path: str, **fields: str) -> Any:
        """Ask its HTTP API; give the data, None while it is not ready."""
        query = urllib.parse.urlencode(fields)
        try:
            address = f"http://127.0.0.1:{self._port}/api/v1/{path}?{query}"
            with urllib.request.urlopen(address, timeout=5) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            return None

    def value(self, expression: str) -> float | None:
        """Evaluate an expression that has one value; None while it has none."""
        data = self.ask("query", query=expression)
        results = data["result"] if data else []
        assert len(results) <= 1, results
        return float(results[0]["value"][1]) if results else None


@pytest.fixture
def prometheus(make_server: MakeServer, tmp_path: Path) -> Iterator[tuple[Prometheus, ChatServer]]:
    # Behind a proxy the token is needed from the machine itself, too.
    server = make_server(settings={"TRUSTED_PROXIES": "1", "CHAT_METRICS_TOKEN": TOKEN})
    server.start()
    folder = tmp_path / "prometheus"
    folder.mkdir()
    watcher = Prometheus(folder, server)
    watcher.start()
    yield watcher, server
    watcher.end()


def test_prometheus_scrapes_the_server_and_answers(
    prometheus: tuple[Prometheus, ChatServer],
) -> None:
    watcher, server = prometheus
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("hello")
        wait_until(lambda: watcher.value('up{job="tchat"}') == 1)
        wait_until(lambda: watcher.value("sum(tchat_posts_total)") == 1)
        wait_until(lambda: watcher.value("tchat_members") == 1)
    assert watcher.value("count(tchat_build_info)") == 1
    groups = wait_until(lambda: watcher.ask("rules"))["groups"]
    rules = wait_until(lambda: groups and groups[0]["rules"])
    assert {rule["type"] for rule in rules} == {"alerting"}
    kinds = watcher.ask("metadata")
    assert kinds["tchat_commit_seconds"][0]["type"] == "histogram"
    assert kinds["tchat_posts_total"][0]["type"] == "counter"
    server.stop()
    wait_until(lambda: watcher.value('up{job="tchat"}') == 0)


def promtool(*arguments: object) -> None:
    """Run promtool; it must be content."""
    done = subprocess.run(
        [program("promtool"), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_fire_when_something_is_wrong_and_not_while_all_is_well() -> None:
    promtool("check", "rules", "--lint-fatal", DEPLOY / "alerts.yml")
    promtool("test", "rules", ROOT / "tests/support/alerts.test.yml")
    alerts = set(re.findall(r"alert: (\w+)", (DEPLOY / "alerts.yml").read_text()))
    tested = (ROOT / "tests/support/alerts.test.yml").read_text()
    assert alerts == set(re.findall(r'alertname="(\w+)"', tested))
    document = (ROOT / "docs/watching.md").read_text()
    assert alerts == set(re.findall(r"`(Tchat\w+)`", document))


def dashboard() -> dict[str, str]:
    """Read the expressions of the dashboard, as Grafana sends them, by panel and letter."""
    panels = json.loads((DEPLOY / "grafana.json").read_text())["panels"]
    return {
        f"{panel['title']} {target['refId']}": target["expr"]
        .replace("$__rate_interval", "1m")
        .replace("$instance", ".*")
        for panel in panels
        for target in panel["targets"]
    }


def test_expressions_of_the_dashboard_are_prometheus_s(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(dashboard().values())
    ]
    file = tmp_path / "rules.yml"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", file)


@pytest.mark.embedded
def test_alerts_dashboard_and_document_name_the_metrics_that_there_are(
    make_server: MakeServer,
) -> None:
    server = make_server()
    server.start()
    scrape = Scrape(server)
    for file in ("alerts.yml", "grafana.json"):
        named = set(re.findall(r"\btchat_\w+", (DEPLOY / file).read_text()))
        assert named
        assert named <= scrape.names, file
    families = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in scrape.families
    }
    (built,) = (family for family in scrape.families if family.name == "tchat_build_info")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert built.samples[0].labels["version"] == project["version"]
    document = (ROOT / "docs/watching.md").read_text()
    assert set(re.findall(r"^\| `(tchat_\w+)`", document, re.MULTILINE)) == families
