"""The routes for other programs, through Flask's own test client."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from chat.config import Settings
from chat.log import Draft, StorageUnavailable
from chat.log.sqlite import SQLiteLog
from chat.metrics import Metrics
from chat.protocol import Member
from chat.rooms.announcer import Announcer
from chat.rooms.commands import Hub
from chat.rooms.counts import LocalCounts
from chat.rooms.local_presence import LocalPresence
from chat.rooms.registry import Registry
from chat.web.admission import Admission
from chat.web.machines import create_machines
from tests.support.peers import WAIT_S, opened

TOKEN = "a-secret-of-the-operator"


class Machine:
    """An application with these routes only, over a real log and a real registry."""

    def __init__(self, path: Path, settings: Settings | None = None) -> None:
        self.path = path
        self.counted = Metrics()
        self.log = SQLiteLog(path, retention_messages=1000, metrics=self.counted)
        self.registry = Registry(self.counted)
        presence = LocalPresence(
            Announcer(self.registry),
            self.log.recent_nicks,
            leave_grace_s=10.0,
            nick_reservation_s=600.0,
        )
        self.hub = Hub(Settings(), self.log, self.registry, presence)
        assert self.log.claim()
        self.hub.start()
        self.admission = Admission(3)
        app = Flask("chat")
        app.register_blueprint(
            create_machines(
                settings or Settings(),
                self.hub,
                self.log,
                LocalCounts(self.registry, lambda: self.admission.limit),
                self.admission,
                self.counted,
                {"version": "1.2.3"},
            )
        )
        self.client = app.test_client()

    def status(self) -> dict[str, object]:
        """Ask for /status."""
        return dict(self.client.get("/status").get_json())

    def metrics(self) -> dict[str, float]:
        """Ask for /metrics, and parse it as Prometheus does."""
        response = self.client.get("/metrics")
        assert response.content_type.startswith("text/plain; version=")
        return {
            sample.name: sample.value
            for family in text_string_to_metric_families(response.text)
            for sample in family.samples
        }


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "tchat.db")
    yield machine
    machine.log.close()


def test_status_counts_users_and_tells_the_time(machine: Machine) -> None:
    with opened() as (connection, _, _):
        machine.registry.add(connection)

        status = machine.status()

        assert status["connected_users"] == 1
        machine.registry.discard(connection)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(status["timestamp"]))
    told = datetime.strptime(str(status["timestamp"]), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - told) < timedelta(minutes=1)
    assert machine.status()["connected_users"] == 0


def test_status_tells_when_the_server_is_full(machine: Machine) -> None:
    for _ in range(3):
        assert machine.status()["full"] is False
        assert machine.admission.enter()
    assert machine.status()["full"] is True

    assert not machine.admission.enter()
    machine.admission.leave()

    assert machine.status()["full"] is False


def test_healthz_is_ok_while_the_log_can_be_read(machine: Machine) -> None:
    response = machine.client.get("/healthz")

    assert (response.status_code, response.text) == (200, "ok\n")


def test_healthz_says_that_the_log_is_closed(machine: Machine) -> None:
    machine.log.close()

    response = machine.client.get("/healthz")

    assert response.status_code == 503
    assert "closed" in response.text


def test_healthz_says_what_is_wrong_with_the_database(machine: Machine) -> None:
    machine.path.write_bytes(b"garbage " * 100_000)

    deadline = time.monotonic() + WAIT_S
    while (response := machine.client.get("/healthz")).status_code == 200:
        assert time.monotonic() < deadline
        # What nobody has read yet is not in a cache.
        with suppress(StorageUnavailable):
            machine.log.before("a", 10, 10)

    assert "is damaged" in response.text
    assert "restore it from a copy" in response.text
    with pytest.raises(StorageUnavailable, match="damaged"):
        machine.log.append(Draft("a", "1", Member("0", "Ann"), "hello"), print)


def test_healthz_says_that_the_server_is_stopping(machine: Machine) -> None:
    machine.hub.stop()

    response = machine.client.get("/healthz")

    assert (response.status_code, response.text) == (503, "stopping\n")


def test_metrics_are_what_prometheus_reads(machine: Machine) -> None:
    assert machine.metrics()["tchat_connections"] == 0
    assert machine.metrics()["tchat_dropped_log_lines_total"] == 0
    machine.counted.dropped_log_lines.add(7)
    with opened() as (one, _, _), opened() as (other, _, _):
        for connection in (one, other):
            machine.registry.add(connection)
            machine.registry.join(connection, "general", "ann")

        metrics = machine.metrics()

        machine.registry.discard(one)
        machine.registry.discard(other)
    assert metrics["tchat_connections"] == 2
    assert metrics["tchat_connected_users"] == 1
    assert metrics["tchat_rooms"] == 1
    assert metrics["tchat_connections_max"] == 3
    assert metrics["tchat_dropped_log_lines_total"] == 7


def asked(machine: Machine, peer: str = "127.0.0.1", **headers: str) -> int:
    """Ask for /metrics from an address, with headers (`X_Y` is X-Y); give the answer's status."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = machine.client.get(
        "/metrics", headers={"Host": "localhost:8080", **named}, environ_base={"REMOTE_ADDR": peer}
    )
    assert ("tchat_" in response.text) == (response.status_code == 200)
    return response.status_code


def test_metrics_are_for_programs_of_this_machine(machine: Machine) -> None:
    for peer in ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"):
        assert asked(machine, peer) == 200
    for host in ("127.0.0.1", "[::1]:8080", "LOCALHOST."):
        assert asked(machine, Host=host) == 200
    for peer in ("192.168.1.20", "203.0.113.7", "2001:db8::1", "0.0.0.0", "", "<local>"):
        assert asked(machine, peer) == 403


def test_metrics_are_not_for_whom_a_proxy_on_this_machine_lets_in(machine: Machine) -> None:
    forwarded = ("X_Forwarded_For", "X_Forwarded_Proto", "X_Real_IP", "Forwarded", "Via")
    for name in forwarded:
        assert asked(machine, **{name: "127.0.0.1"}) == 403
    # One that adds nothing passes at least the name on: pages could not connect otherwise.
    for host in ("chat.example.org", "pc:8080", "192.168.1.20", "127.0.0.1.nip.io", "a b"):
        assert asked(machine, Host=host) == 403
    assert asked(machine, "10.0.0.7", Authorization="Bearer ") == 403, "no token is set"


def test_metrics_are_for_whoever_has_the_token(tmp_path: Path) -> None:
    settings = Settings(chat_metrics_token=TOKEN, trusted_proxies=1)
    machine = Machine(tmp_path / "tchat.db", settings)
    try:
        assert asked(machine) == 403, "everybody may come from the proxy's address"
        far = {"peer": "203.0.113.7", "Host": "chat.example.org", "X_Forwarded_For": "1.2.3.4"}
        assert asked(machine, **far, Authorization=f"Bearer {TOKEN}") == 200
        assert asked(machine, **far, Authorization=f"bearer  {TOKEN}") == 200
        wrong = (
            "",
            TOKEN,
            f"Basic {TOKEN}",
            f"Bearer {TOKEN}x",
            f"Bearer {TOKEN[:-1]}",
            "Bearer é",
        )
        for authorization in wrong:
            assert asked(machine, **far, Authorization=authorization) == 403
    finally:
        machine.log.close()
