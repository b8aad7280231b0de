"""Real Redis servers for the tests, on loopback and free ports, each with a folder of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from itertools import pairwise
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import TimeoutError as NotAnswered
from redis.retry import Retry

from tests.support.servers import free_port

_WITHIN_S = 20.0
_PAUSE_S = 0.01
_SLOTS = 16384

# What a setting is here unless a test says otherwise. Nothing is kept: a test that restarts a
# server says how it keeps its data.
_DEFAULTS = {
    "bind": "127.0.0.1",
    "daemonize": "no",
    "logfile": "redis.log",
    "save": '""',
    "appendonly": "no",
    "enable-debug-command": "local",
    "repl-diskless-sync-delay": "0",
    "repl-ping-replica-period": "1",
}


class RedisServer:
    """A redis-server in a process of its own; it can be started again on the same port and data.

    A setting is one of redis.conf: `RedisServer(folder, appendonly="yes", maxmemory="3mb")`. An
    underscore stands for a hyphen. The environment's REDIS_SERVER may name another program.
    """

    def __init__(self, folder: Path, *, program: str | None = None, **settings: str | int) -> None:
        """Prepare, without starting; the folder is made if it is missing."""
        self.port = free_port(self)
        self.folder = folder
        # Both are one program, which its name tells what to be. redis-tools has the second.
        self._program = (
            program
            or os.environ.get("REDIS_SERVER")
            or shutil.which("redis-server")
            or shutil.which("redis-check-rdb")
        )
        self._settings = {
            **_DEFAULTS,
            **{name.replace("_", "-"): str(value) for name, value in settings.items()},
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Give the address, as REDIS_URL has it."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def socket(self) -> Path:
        """Give the path of the Unix socket of a server with the setting `unixsocket`."""
        return self.folder / self._settings["unixsocket"]

    def launch(self) -> None:
        """Start the process without waiting for anything."""
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = {**self._settings, "port": str(self.port), "dir": str(self.folder)}
        # Another file than the one that CONFIG REWRITE and a cluster may change.
        (self.folder / "redis.conf").write_text(
            "".join(f"{name} {value}\n" for name, value in settings.items())
        )
        self.process = subprocess.Popen(
            ["redis-server", self.folder / "redis.conf"],
            executable=self._program,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def start(self) -> None:
        """Start the process and wait until it answers and has read its data."""
        self.launch()
        self.ready()

    def ready(self) -> None:
        """Wait until the server answers."""
        assert self.process is not None
        deadline = time.monotonic() + _WITHIN_S
        with self.client() as client:
            while True:
                try:
                    client.ping()
                    return
                except (NotConnected, NotAnswered):  # or it is still loading
                    assert self.process.poll() is None, self.log()
                    assert time.monotonic() < deadline, self.log()
                    time.sleep(_PAUSE_S)  # bounded by the deadline: there is no event to wait for

    def client(self, *, timeout_s: float = 5.0) -> Redis:
        """Give a client, which closes at the end of a `with` block; it never tries again."""
        return Redis(
            port=self.port, socket_timeout=timeout_s, retry=Retry(NoBackoff(), 0), protocol=2
        )

    def kill(self) -> None:
        """End the process at once, with SIGKILL."""
        self._end_by(signal.SIGKILL)

    def stop(self) -> None:
        """Ask the process to end, with SIGTERM: it writes what its settings say."""
        self._end_by(signal.SIGTERM)

    def _end_by(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(_WITHIN_S)

    def restart(self) -> None:
        """Kill the process and start another one on the same port and data."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Stop the process where it is, with SIGSTOP: its connections stay and nothing answers."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)  # what comes later finds it stopped

    def thaw(self) -> None:
        """Let a process that was frozen go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def follow(self, primary: RedisServer) -> None:
        """Become a replica of another server, and wait until it has all of that one's data."""
        with self.client() as client:
            client.execute_command("REPLICAOF", "127.0.0.1", primary.port)
            deadline = time.monotonic() + _WITHIN_S
            while client.info("replication").get("master_link_status") != "up":
                assert time.monotonic() < deadline, self.log()
                time.sleep(_PAUSE_S)  # bounded by the deadline: there is no event to wait for

    def promote(self) -> None:
        """Be a replica no longer."""
        with self.client() as client:
            client.execute_command("REPLICAOF", "NO", "ONE")

    def log(self) -> str:
        """Give what the server has logged so far."""
        file = self.folder / "redis.log"
        return file.read_text() if file.exists() else ""

    def end(self) -> None:
        """End the process, if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.kill()


class RedisCluster:
    """A Redis Cluster of three nodes, and of a replica for each if wanted."""

    def __init__(self, folder: Path, *, replicas: bool = False, **settings: str | int) -> None:
        """Prepare, without starting."""
        settings = {"cluster_node_timeout": 2000, **settings}
        count = 6 if replicas else 3
        self.nodes = [
            RedisServer(
                folder / f"node-{number}",
                cluster_enabled="yes",
                cluster_port=free_port(self),
                **settings,
            )
            for number in range(count)
        ]
        self.primaries, self.replicas = self.nodes[:3], self.nodes[3:]

    @property
    def url(self) -> str:
        """Give the address of one node, as REDIS_URL has it."""
        return self.nodes[0].url

    def start(self) -> None:
        """Start the nodes, join them, share out the slots and wait until all agree."""
        for node in self.nodes:
            node.start()
        bounds = [_SLOTS * number // 3 for number in range(4)]
        for number, node in enumerate(self.nodes):
            self.ask(node, "CLUSTER SET-CONFIG-EPOCH", number + 1)
        for node, (first, behind) in zip(self.primaries, pairwise(bounds), strict=True):
            self.ask(node, "CLUSTER ADDSLOTSRANGE", first, behind - 1)
        first_node = self.nodes[0]
        for node in self.nodes[1:]:
            bus_port = node._settings["cluster-port"]
            self.ask(first_node, "CLUSTER MEET", "127.0.0.1", node.port, bus_port)
        self._wait("cluster_known_nodes", len(self.nodes))
        for primary, replica in zip(self.primaries, self.replicas, strict=False):
            self.ask(replica, "CLUSTER REPLICATE", self.ask(primary, "CLUSTER MYID"))
        self.ready()

    def ready(self) -> None:
        """Wait until every node that runs finds the cluster in order."""
        self._wait("cluster_state", "ok")

    def _wait(self, field: str, wanted: object) -> None:
        deadline = time.monotonic() + _WITHIN_S
        for node in self.nodes:
            if node.process is None or node.process.poll() is not None:
                continue
            while dict(self.ask(node, "CLUSTER INFO")).get(field) != str(wanted):  # type: ignore[call-overload]
                assert time.monotonic() < deadline, node.log()
                time.sleep(_PAUSE_S)  # bounded by the deadline: there is no event to wait for

    def move(
        self, slot: object, source: RedisServer, target: RedisServer, pause_s: float = 0.0
    ) -> None:
        """Move a slot to another node while it is used, a key at a time, as redis-cli does.

        The target begins, and takes a newer epoch with the slot. Else an older claim of the source,
        which is still under way, may take the slot back.
        """
        source_id, target_id = (self.ask(node, "CLUSTER MYID") for node in (source, target))
        self.ask(target, "CLUSTER SETSLOT", slot, "IMPORTING", source_id)
        self.ask(source, "CLUSTER SETSLOT", slot, "MIGRATING", target_id)
        while keys := self.ask(source, "CLUSTER GETKEYSINSLOT", slot, 1):
            (name,) = keys  # type: ignore[misc]
            self.ask(source, "MIGRATE", "127.0.0.1", target.port, name, 0, 5000)
            time.sleep(pause_s)
        for node in (target, source, *self.primaries):
            self.ask(node, "CLUSTER SETSLOT", slot, "NODE", target_id)

    def ask(self, node: RedisServer, command: str, *arguments: object) -> object:
        """Ask one node something."""
        with node.client() as client:
            return client.execute_command(command, *arguments)

    def end(self) -> None:
        """End all nodes that run."""
        for node in self.nodes:
            node.end()
