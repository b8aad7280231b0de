"""Tchat on several machines: Redis, three machines with workers, and two proxies in front of them.

All of it is started from the files of deploy/. The machines have the addresses that stand there, so
that little has to be replaced.
"""

from __future__ import annotations

import os
import shlex
import shutil
import ssl
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from chat.protocol import Message
from tests.support.client import Client
from tests.support.daemons import Daemon
from tests.support.machines import Machine, Switch, prepare
from tests.support.nginx import Nginx, deployed
from tests.support.redis_logs import read_log
from tests.support.servers import ROOT, ChatServer
from tests.support.tls import certify

#: The proxies, and where they are in the network of people.
FRONTS = {"nginx": "10.0.0.2", "haproxy": "10.0.0.3"}
_NUMBERS = (11, 12, 13)
_PORT = 8080
_REDIS_PORT = 6379
_WITHIN_S = 20.0


class Workers(ChatServer):
    """The workers of one machine, started by what systemd would start."""

    def __init__(
        self, folder: Path, machine: Machine, address: str, changes: dict[str, str], cwd: Path
    ) -> None:
        """Prepare; `changes` are settings that the test needs otherwise."""
        unit = _lines(deployed("tchat.service"))
        program, *arguments = shlex.split(unit["ExecStart"])
        assert program == "/opt/tchat/.venv/bin/gunicorn"
        name, _, value = unit["Environment"].partition("=")
        environment = {
            "PATH": os.environ["PATH"],
            name: value.replace("/var/lib/tchat", str(folder)),
            **_settings(),
            "HOST": address,
            "PORT": str(_PORT),
            "PYTHONDONTWRITEBYTECODE": "1",
            **changes,
        }
        command = (*machine.inside, sys.executable, "-m", "gunicorn", *arguments)
        super().__init__(folder, command, environment=environment, cwd=cwd)
        self.machine = machine
        self._address = address

    def replace(self, cwd: Path) -> None:
        """Stop, and start again with the program that is in another folder."""
        self.stop()
        self._cwd = cwd
        self.start()

    @property
    def url(self) -> str:
        """Give the address of the page, without any proxy."""
        return f"http://{self._address}:{_PORT}"

    @property
    def ws_url(self) -> str:
        """Give the address of the WebSocket, without any proxy."""
        return f"ws://{self._address}:{_PORT}/ws"


class Bed:
    """Redis, three machines with workers, nginx and HAProxy, as long as the block lasts."""

    def __init__(self, folder: Path, changes: dict[str, str], *, cwd: Path = ROOT) -> None:
        """Prepare, without making anything; `cwd` is where the program is."""
        self._folder = folder
        self._changes = changes
        self._cwd = cwd
        self._stack = ExitStack()
        self.trust: ssl.SSLContext
        self.workers: list[Workers] = []

    def __enter__(self) -> Self:
        prepare()
        with self._stack:
            self._make()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _make(self) -> None:
        self.front = self._switch("front", "10.0.0")
        self.back = self._switch("back", "10.0.1")
        redis = self._machine("redis", 10, self.back)
        self.redis = self._redis(redis)
        self._run(self.redis)
        for number in _NUMBERS:
            machine = self._machine(str(number), number, self.front, self.back)
            machine.knows(redis, self.back)
            self.workers.append(
                Workers(
                    self._new_folder(machine.name),
                    machine,
                    machine.address(self.front),
                    self._changes,
                    self._cwd,
                )
            )
            self._stack.callback(self.workers[-1].end)
            self.workers[-1].start()
        # Browsers notice when the network of their machine changes, and begin anew.
        self.browsers = self._machine("browsers", 4, self.front)
        self._certify()
        self._run(self._nginx())
        self._run(self._haproxy())

    def _switch(self, name: str, network: str) -> Switch:
        switch = Switch(name, network)
        self._stack.callback(switch.end)
        return switch

    def _machine(self, name: str, number: int, *switches: Switch) -> Machine:
        machine = Machine(name, number, *switches)
        self._stack.callback(machine.end)
        return machine

    def _new_folder(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir()
        return folder

    def _run(self, daemon: Daemon) -> None:
        self._stack.callback(daemon.end)
        daemon.start()

    def _redis(self, machine: Machine) -> Daemon:
        folder = self._new_folder("redis")
        file, program = folder / "redis.conf", folder / "redis-server"
        file.write_text(deployed("redis.conf"))
        # Debian's programs of Redis are one, which its name tells what to be.
        found = shutil.which("redis-server") or shutil.which("redis-check-rdb")
        assert found is not None
        program.symlink_to(found)
        command = (*machine.inside, program, file, "--dir", folder)
        return Daemon(folder, command, (machine.address(self.back), _REDIS_PORT))

    def _certify(self) -> None:
        """Make the certificate, which the files of deploy/ take from elsewhere."""
        self.trust = certify(self._folder, *FRONTS.values())
        both = [(self._folder / name).read_text() for name in ("fullchain.pem", "privkey.pem")]
        (self._folder / "chat.example.org.pem").write_text("".join(both))

    def _nginx(self) -> Nginx:
        machine = self._machine("nginx", 2, self.front)
        site = deployed(
            "nginx.conf",
            ("    server 127.0.0.1:8080;\n", ""),
            ("    # server 10.0.0.", "    server 10.0.0."),
            ("/etc/letsencrypt/live/chat.example.org", str(self._folder)),
        )
        address = (FRONTS["nginx"], 443)
        folder = self._new_folder("nginx")
        return Nginx(folder, site, address=address, inside=machine.inside)

    def _haproxy(self) -> Daemon:
        machine = self._machine("haproxy", 3, self.front)
        folder = self._new_folder("haproxy")
        file = folder / "haproxy.cfg"
        file.write_text(
            deployed(
                "haproxy.cfg",
                ("    user haproxy\n    group haproxy\n", ""),
                ("/etc/haproxy/chat.example.org.pem", f"{self._folder}/chat.example.org.pem"),
            )
        )
        program = shutil.which("haproxy") or "/usr/sbin/haproxy"
        command = (*machine.inside, program, "-db", "-f", file)
        return Daemon(folder, command, (FRONTS["haproxy"], 443))

    def log(self, room: str) -> list[Message]:
        """Read the messages of a room, as Redis has them."""
        return read_log(_settings()["REDIS_URL"], room)[1]

    def most_used(self, people: int) -> tuple[Workers, int]:
        """Wait until all connections are those of so many people, who just came; give the workers
        that have most of them, but not all, and how many."""
        deadline = time.monotonic() + _WITHIN_S
        while True:
            counts = [workers.machine.connections(_PORT) for workers in self.workers]
            if sum(counts) == people:
                most = max(count for count in counts if count < people)
                return self.workers[counts.index(most)], most
            assert time.monotonic() < deadline, counts
            time.sleep(0.1)  # bounded by the deadline: there is no event to wait for

    def get(self, front: str, path: str) -> str:
        """Fetch a path through a proxy; raises urllib.error.HTTPError for 4xx and 5xx."""
        url = f"https://{FRONTS[front]}{path}"
        with urllib.request.urlopen(url, timeout=5, context=self.trust) as response:
            return str(response.read().decode())

    def client(self, front: str, **options: object) -> Client:
        """Open a WebSocket through a proxy."""
        return Client(f"wss://{FRONTS[front]}/ws", ssl=self.trust, **options)


def _settings() -> dict[str, str]:
    """Read the settings of deploy/tchat.env, with those for several machines."""
    several = ("REDIS_URL", "WEB_CONCURRENCY", "CHAT_MAX_CONNECTIONS")
    return _lines(deployed("tchat.env", *((f"# {name}=", f"{name}=") for name in several)))


def _lines(text: str) -> dict[str, str]:
    """Read the lines that set something; of a name, the first counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, is_set, value = line.partition("=")
        if is_set and not line.startswith("#"):
            found.setdefault(name, value)
    return found
