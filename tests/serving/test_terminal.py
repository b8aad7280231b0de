"""A server in a terminal: it ends when the terminal is closed, and not otherwise."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.client import Client
from tests.support.processes import worker_pid
from tests.support.servers import GUNICORN, MODULE, ChatServer
from tests.support.waiting import wait_until

MakeServer = Callable[..., ChatServer]
_WITHIN_S = 20.0
# It makes a process the leader of a session whose terminal is its standard input, as a terminal's
# window does with a shell.
LOGIN = (
    sys.executable,
    "-c",
    "import fcntl, os, sys, termios\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "os.execvp(sys.argv[1], sys.argv[1:])",
)
SHELL = ("sh", "-c", '"$@"; true', "sh")
INTERACTIVE = ("bash", "--norc", "-i", "-c", '"$@"; true', "bash")


class InTerminal(ChatServer):
    """A server whose standard input and output are a terminal."""

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process in a new terminal; `window` is the end that people look at."""
        self.window, terminal = pty.openpty()
        attributes = termios.tcgetattr(terminal)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(terminal, termios.TCSANOW, attributes)
        self.process = subprocess.Popen(
            self._command,
            cwd=self._cwd,
            env=self.environment,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        os.set_blocking(self.window, False)
        self._seen = b""
        return self.process

    def log(self) -> str:
        """Give what the terminal has shown so far."""
        with suppress(OSError):  # nothing new, or closed
            while data := os.read(self.window, 65536):
                self._seen += data
        return self._seen.decode().replace("\r\n", "\n")

    def close_window(self) -> None:
        """Close the terminal."""
        self.log()
        os.close(self.window)


@pytest.fixture
def in_terminal(tmp_path: Path) -> Iterator[Callable[..., InTerminal]]:
    """Start servers in terminals of their own."""
    servers: list[InTerminal] = []

    def start(*command: str) -> InTerminal:
        server = InTerminal(tmp_path, (*LOGIN, *command))
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        with suppress(ProcessLookupError):
            os.kill(master_pid(server), signal.SIGKILL)
        server.end()


def master_pid(server: ChatServer) -> int:
    """Read which server has the database."""
    return int(Path(f"{server.database}.lock").read_text().split()[0])


@contextmanager
def ends(*pids: int) -> Iterator[None]:
    """Check that processes end during or soon after the block."""
    yield
    wait_until(lambda: not any(is_running(pid) for pid in pids), within_s=_WITHIN_S)


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("shell", [(), SHELL, INTERACTIVE], ids=["none", "sh", "bash -i"])
@pytest.mark.parametrize(
    "command",
    [MODULE, pytest.param(GUNICORN, marks=pytest.mark.long)],  # the first one starts it
    ids=["python -m chat", "gunicorn"],
)
def test_server_ends_with_its_terminal_and_tells_its_pages(
    in_terminal: Callable[..., InTerminal], shell: tuple[str, ...], command: tuple[str, ...]
) -> None:
    server = in_terminal(*shell, *command)
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("before")
        with ends(master_pid(server), worker_pid(server)):
            server.close_window()
            assert ann.close_code() == 1012


def test_server_says_that_ctrl_c_stops_it_and_so_it_does(
    in_terminal: Callable[..., InTerminal],
) -> None:
    server = in_terminal(*MODULE)
    assert server.logged("Pour l’arrêter\u00a0: Ctrl-C")
    with Client(server.ws_url) as ann, ends(master_pid(server), worker_pid(server)):
        ann.join("Ann")
        os.write(server.window, b"\x03")
        assert ann.close_code() == 1012
    assert "ERROR" not in server.log()
    assert "Traceback" not in server.log()


def test_sighup_of_an_operator_replaces_the_worker_while_the_terminal_is_there(
    in_terminal: Callable[..., InTerminal],
) -> None:
    server = in_terminal(*MODULE)
    os.kill(master_pid(server), signal.SIGHUP)
    wait_until(lambda: server.log().count("Serveur démarré") >= 2, server.log, within_s=_WITHIN_S)
    assert server.get("/healthz")


def test_server_that_usr2_started_goes_on_without_the_terminal(
    in_terminal: Callable[..., InTerminal],
) -> None:
    server = in_terminal(*SHELL, *MODULE)
    os.kill(master_pid(server), signal.SIGUSR2)
    assert server.process is not None
    server.process.wait(_WITHIN_S)  # the first server has ended, and with it the shell
    master = master_pid(server)
    server.close_window()

    worker = int(Path(f"{server.database}.lock").read_text().split()[1])
    os.kill(master, signal.SIGHUP)
    with ends(worker):
        pass
    assert server.get("/healthz")
    assert master_pid(server) == master


@pytest.mark.parametrize("keeper", [("nohup",), ("setsid", "--wait")], ids=["nohup", "setsid"])
def test_server_that_is_to_outlive_its_terminal_does_so_and_takes_sighup(
    in_terminal: Callable[..., InTerminal], keeper: tuple[str, ...], tmp_path: Path
) -> None:
    output = tmp_path / "output"
    redirected = ("sh", "-c", f'exec "$@" > {output} 2>&1', "sh")
    server = in_terminal(*SHELL, *redirected, *keeper, *MODULE)
    master = master_pid(server)
    server.close_window()
    assert server.process is not None
    server.process.wait(_WITHIN_S)  # the shell is gone, and so is the terminal

    os.kill(master, signal.SIGHUP)
    wait_until(
        lambda: output.read_text().count("Serveur démarré") >= 2,
        output.read_text,
        within_s=_WITHIN_S,
    )
    assert server.get("/healthz")
    with ends(master):
        os.kill(master, signal.SIGTERM)
