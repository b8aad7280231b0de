"""Asking Redis: one server, and a cluster of three, all real ones."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest
from redis.exceptions import ConnectionError, RedisError, ResponseError, TimeoutError

from chat.redis.partitions import PARTITIONS, key, partition_of
from chat.redis.servers import NotReplicated, Script, Servers
from tests.support.redis import RedisCluster, RedisServer
from tests.support.servers import free_port

ECHO = Script("return {KEYS[1], ARGV[1]}")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    cluster = RedisCluster(tmp_path_factory.mktemp("cluster"))
    cluster.start()
    yield cluster
    cluster.end()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path / "redis")
    server.start()
    yield server
    server.end()


def test_rooms_are_spread_over_partitions() -> None:
    used = {partition_of(f"room-{number}") for number in range(1000)}
    assert used == set(range(PARTITIONS))
    assert key(7, "log", "general") == "tchat:{p07}:log:general"


def test_replies_come_in_the_order_of_the_commands_and_errors_in_their_places(
    server: RedisServer,
) -> None:
    with closing(Servers(server.url)) as servers:
        replies = servers.ask(
            [
                (1, ("SET", key(1, "a"), "x")),
                (2, ECHO.command([key(2, "a")], ["y"])),
                (1, ("HGET", key(1, "a"), "field")),
                (1, ("GET", key(1, "a"))),
            ]
        )
        assert replies[0] == b"OK"
        assert replies[1] == [b"tchat:{p02}:a", b"y"]
        assert isinstance(replies[2], ResponseError)
        assert replies[3] == b"x"
        assert servers.ask([]) == []


def test_server_is_reached_by_tls_and_by_a_unix_socket(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    key_file, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-keyout", key_file, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    port = free_port(request.node)
    tls = {"cert_file": certificate, "key_file": key_file, "ca_cert_file": certificate}
    server = RedisServer(
        tmp_path / "redis",
        unixsocket="redis.sock",
        tls_port=port,
        tls_auth_clients="no",
        **{f"tls_{name}": value for name, value in tls.items()},
    )
    server.start()
    try:
        for url in (
            f"unix://{server.socket}",
            f"rediss://localhost:{port}?ssl_ca_certs={certificate}",
            f"rediss://127.0.0.1:{port}/0?ssl_cert_reqs=none",
        ):
            with closing(Servers(url)) as servers:
                assert servers.ask([(0, ("PING",))]) == [b"PONG"]
                listening = servers.server_of(0).connect(
                    socket_timeout=None, socket_keepalive_options={}
                )
                listening.disconnect()
        with (
            closing(Servers(f"rediss://localhost:{port}")) as servers,
            pytest.raises(RedisError, match="certificate verify failed"),
        ):
            servers.ask([(0, ("PING",))])
    finally:
        server.end()


def test_server_that_has_forgotten_the_scripts_is_given_them_again(server: RedisServer) -> None:
    with closing(Servers(server.url)) as servers:
        for _ in range(2):
            commands = [(0, ECHO.command([key(0, "a")], [number])) for number in range(3)]
            assert [reply[1] for reply in servers.ask(commands)] == [b"0", b"1", b"2"]
            with server.client() as client:
                client.script_flush()


def test_restarted_server_is_asked_again_and_one_that_is_gone_is_an_error(
    server: RedisServer,
) -> None:
    with closing(Servers(server.url)) as servers:
        assert servers.ask([(0, ("PING",))]) == [b"PONG"]
        server.restart()
        assert servers.ask([(0, ("PING",))]) == [b"PONG"]
        server.kill()
        with pytest.raises(ConnectionError):
            servers.ask([(0, ("PING",))])


def test_server_that_does_not_answer_is_not_waited_for_without_end(server: RedisServer) -> None:
    with closing(Servers(server.url, timeout_s=0.3)) as servers:
        assert servers.ask([(0, ("PING",))]) == [b"PONG"]
        server.freeze()
        try:
            with pytest.raises(TimeoutError):
                servers.ask([(0, ("INCR", key(0, "a")))])
        finally:
            server.thaw()
        # What was asked may have been done; a late reply is nobody else's.
        assert servers.ask([(0, ("PING",))]) == [b"PONG"]


def test_many_threads_share_a_few_connections(server: RedisServer) -> None:
    with closing(Servers(server.url)) as servers:
        found: list[bool] = []

        def ask(number: int) -> None:
            for _ in range(20):
                (reply,) = servers.ask([(0, ("ECHO", str(number)))])
                found.append(reply == str(number).encode())

        threads = [Thread(target=ask, args=(number,)) for number in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [True] * 800
        with server.client() as client:
            assert len(client.client_list()) <= 8 + 1


def test_what_too_few_replicas_have_is_an_error(server: RedisServer, tmp_path: Path) -> None:
    replica = RedisServer(tmp_path / "replica")
    replica.start()
    try:
        replica.follow(server)
        with closing(Servers(server.url)) as servers:
            write = [(0, ("SET", key(0, "a"), "x"))]
            assert servers.ask(write, replicas=1) == [b"OK"]
            replica.freeze()
            (reply,) = servers.ask(write, replicas=1)
            assert isinstance(reply, NotReplicated)
            (reply,) = servers.ask([(0, ("GET", key(0, "a")))], replicas=1)
            assert isinstance(reply, NotReplicated)  # what was read might be lost, too
            replica.thaw()
            assert servers.ask(write, replicas=1) == [b"OK"]
    finally:
        replica.thaw()
        replica.end()


def test_cluster_is_found_out_and_its_partitions_are_spread(cluster: RedisCluster) -> None:
    with closing(Servers(cluster.url)) as servers:
        assert len(servers.all_servers()) == 3
        commands = [(p, ECHO.command([key(p, "a")], [p])) for p in range(PARTITIONS)]
        replies = servers.ask(commands)
        assert [reply[1] for reply in replies] == [str(p).encode() for p in range(PARTITIONS)]
        assert len(servers.info()) == 3


def test_what_one_server_of_a_cluster_cannot_answer_the_others_do(cluster: RedisCluster) -> None:
    with closing(Servers(cluster.url, timeout_s=0.3)) as servers:
        commands = [(p, ("PING",)) for p in range(PARTITIONS)]
        servers.ask(commands)
        address = servers.server_of(0).address
        (node,) = (node for node in cluster.nodes if address.endswith(f":{node.port}"))
        its = [p for p in range(PARTITIONS) if servers.server_of(p).address == address]
        node.freeze()
        try:
            replies = servers.ask(commands)
            with pytest.raises(RedisError):
                servers.ask_strictly(commands)
        finally:
            node.thaw()
        assert [p for p, reply in enumerate(replies) if reply != b"PONG"] == its


def test_cluster_that_does_not_answer_is_not_asked_by_one_thread_after_the_other(
    cluster: RedisCluster,
) -> None:
    def connections() -> int:
        with cluster.nodes[0].client() as client:
            return int(client.info("stats")["total_connections_received"])

    def ask() -> None:
        try:
            servers.ask([(0, ("PING",))])
        except RedisError as error:
            errors.append(error)

    errors: list[RedisError] = []
    before = connections()
    with closing(Servers(cluster.url, timeout_s=0.5)) as servers:
        servers.ask([(0, ("PING",))])
        servers.moved()
        for node in cluster.nodes:
            node.freeze()
        try:
            threads = [Thread(target=ask) for _ in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            for node in cluster.nodes:
                node.thaw()
    cluster.ready()
    assert len(errors) == 20
    # Each of them would wait for all that came before it.
    assert connections() - before <= 20


def test_partition_that_moves_is_found_again(cluster: RedisCluster) -> None:
    with closing(Servers(cluster.url)) as servers:
        assert servers.ask([(3, ("SET", key(3, "a"), "x"))]) == [b"OK"]
        slot = cluster.ask(cluster.nodes[0], "CLUSTER KEYSLOT", key(3, "a"))
        address = servers.server_of(3).address
        source = next(node for node in cluster.nodes if address.endswith(str(node.port)))
        target = next(node for node in cluster.nodes if node is not source)
        cluster.move(slot, source, target)
        assert servers.ask([(3, ("SET", key(3, "a"), "y"))]) == [b"OK"]
        assert servers.server_of(3).address.endswith(str(target.port))


def test_url_without_a_server_is_an_error_and_shows_no_password() -> None:
    with closing(Servers("redis://user:secret@127.0.0.1:1/0")) as servers:
        with pytest.raises(RedisError) as caught:
            servers.ask([(0, ("PING",))])
        assert "secret" not in str(caught.value)


def test_why_a_server_cannot_be_reached_is_said_to_all_who_ask(server: RedisServer) -> None:
    with server.client() as client:
        client.config_set("requirepass", "right")
    said = set()
    with closing(Servers(server.url.replace("//", "//:wrong@"))) as servers:
        for _ in range(3):  # only the first one tries: the next are told what it found out
            with pytest.raises(ConnectionError) as raised:
                servers.ask([(1, ("GET", key(1, "a")))])
            said.add(str(raised.value))
    assert said == {"invalid username-password pair or user is disabled."}
