"""Real server processes for the tests, on loopback and free ports."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from chat.protocol import Message
from tests.support import logs, redis_logs

ROOT = Path(__file__).parent.parent.parent
_STARTS_WITHIN_S = 20.0
_STOPS_WITHIN_S = 10.0

GUNICORN = (sys.executable, "-m", "gunicorn", "wsgi:app")
MODULE = (sys.executable, "-m", "chat")
FLASK_RUN = (sys.executable, "-m", "flask", "run", "--port", "{port}")


def free_port(holder: object) -> int:
    """Find a free port of 127.0.0.1, and keep it free for as long as `holder` lives.

    Tests run beside each other, and a server that is started again comes back to its port: nobody
    else may get it before or in between. A socket that is bound there and does not listen keeps
    others away, and lets a server come that sets SO_REUSEADDR, as all do. The kernel gives out
    ports above 32767 by itself, also to those who set SO_REUSEADDR, so this is one below.
    """
    for _ in range(1000):
        keeper = socket.socket()
        port = random.randrange(10_000, 32_768)
        try:
            keeper.bind(("127.0.0.1", port))
        except OSError:
            keeper.close()
            continue
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        weakref.finalize(holder, os.close, keeper.detach())
        return port
    raise AssertionError("no port is free")


def _ordinary_environment() -> dict[str, str]:
    """Give this process's environment without any setting of the chat."""
    fixed = ("PORT", "HOST", "REDIS_URL", "WEB_CONCURRENCY", "TRUSTED_PROXIES", "SCRIPT_NAME")
    # Hundreds of servers are started. Without this, each would compile the whole program.
    fixed += ("PYTHONDONTWRITEBYTECODE",)
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CHAT_", "GUNICORN_", "FLASK_")) and name not in fixed
    }


class ChatServer:
    """A chat server in a process of its own; it can be started again on the same port and log.

    With a Redis, its log is there, and several workers may serve.
    """

    def __init__(
        self,
        folder: Path,
        command: Sequence[str] = GUNICORN,
        settings: Mapping[str, str] | None = None,
        *,
        redis_url: str | None = None,
        workers: int = 1,
        environment: Mapping[str, str] | None = None,
        cwd: Path = ROOT,
    ) -> None:
        """Prepare, without starting. `environment`, if given, replaces that of this process."""
        self.port = free_port(self)
        self.database = folder / "tchat.db"
        self.output = folder / "server.log"
        self._command = [part.format(port=self.port) for part in command]
        self.settings = dict(settings or {})
        self.redis_url = redis_url
        # Werkzeug's server has one process.
        self.workers = workers if redis_url and "flask" not in command else 1
        self._cwd = cwd
        engine = {"REDIS_URL": redis_url, "WEB_CONCURRENCY": str(workers)} if redis_url else {}
        self.environment = environment or {
            **_ordinary_environment(),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "CHAT_DATABASE": str(self.database),
            "PYTHONUNBUFFERED": "1",
            **engine,
            **(settings or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Give the address of the page."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """Give the address of the WebSocket."""
        return f"ws://127.0.0.1:{self.port}/ws"

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process without waiting for anything."""
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                self._command,
                cwd=self._cwd,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that its workers can be killed with it
            )
        return self.process

    def start(self) -> None:
        """Start the process and wait until it answers; of several workers, until all serve."""
        before = len(self.log()) if self.workers > 1 else 0
        process = self.launch()
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while not (self._answers() and self._all_serve(before)):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start: {self.log()}")
            time.sleep(0.02)  # bounded by the deadline: there is no event to wait for

    def _answers(self) -> bool:
        try:
            self.get("/healthz")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return True

    def _all_serve(self, before: int) -> bool:
        """Tell whether each worker has said where it serves; what was said `before` is old."""
        if self.workers == 1:
            return True  # it answers
        said = re.findall(rf"http://localhost:{self.port}\b", self.log()[before:])
        return len(said) >= self.workers

    def kill(self) -> None:
        """End the process and its workers at once, with SIGKILL."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(_STOPS_WITHIN_S)

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Ask the process to end and return the seconds that it took."""
        assert self.process is not None
        asked_at = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(_STOPS_WITHIN_S)
        return time.monotonic() - asked_at

    def run(self, *arguments: object, within_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run `python -m chat …` beside the server, with its settings, to its end."""
        return subprocess.run(
            [*MODULE, *map(str, arguments)],
            cwd=self._cwd,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )

    def end(self) -> None:
        """End the processes that still run."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def fill(self, room: str, past: Iterable[logs.Past]) -> None:
        """Write messages into a room's log, oldest first, before the server runs."""
        if self.redis_url is None:
            logs.fill(self.database, room, past)
        else:
            redis_logs.fill(self.redis_url, room, past)

    def kept(self) -> dict[str, list[Message]]:
        """Read the messages of each room, as the log has them now."""
        if self.redis_url is None:
            return logs.read_log(self.database)[1]
        return redis_logs.read_all(self.redis_url)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> str:
        """Fetch a path; raises urllib.error.HTTPError for 4xx and 5xx."""
        request = urllib.request.Request(self.url + path, headers=dict(headers or {}))
        with urllib.request.urlopen(request, timeout=5) as response:
            return str(response.read().decode())

    def status(self) -> dict[str, object]:
        """Fetch /status."""
        return dict(json.loads(self.get("/status")))

    def logged(self, words: str) -> str:
        """Wait until the processes have printed some words, and give all that they have printed.

        A line of the log is written a moment after what it tells of.
        """
        deadline = time.monotonic() + _STOPS_WITHIN_S
        while words not in (text := self.log()):
            assert time.monotonic() < deadline, f"{words!r} is not in {text}"
            time.sleep(0.01)  # bounded by the deadline: there is no event to wait for
        return text

    def log(self) -> str:
        """Give what the processes have printed so far."""
        return self.output.read_text() if self.output.exists() else ""
