"""The one-file program: it serves, talks and stops on a machine without Python."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.client import Client
from tests.servers import ROOT, free_port

BINARY = ROOT / "dist" / "chat-server"
START_S = 30
STOP_S = 5

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="sends POSIX signals; on Windows the binary is tried by hand"
)


class Server:
    """Run the binary as a stranger would: alone in an empty directory, with an empty PATH."""

    def __init__(self, directory: Path, *options: str) -> None:
        if not BINARY.exists():
            pytest.fail("dist/chat-server is missing: run `make binary`, or `make test`")
        self.port = free_port()
        self._output = directory / "output"
        temporary = directory / "tmp"
        temporary.mkdir()
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [BINARY, "--host", "127.0.0.1", "--port", str(self.port), *options],
                cwd=directory,
                # TMPDIR: the binary unpacks itself there, and leaves nothing behind.
                env={"PATH": "", "TMPDIR": str(temporary)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that kill() reaches every process of it
            )

    def get(self, path: str, *, language: str = "en") -> str:
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, headers={"Accept-Language": language})
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.read().decode()

    def wait_until_healthy(self) -> None:
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.get("/healthz")
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"not healthy: {error}; it said:\n{self._output.read_text()}")
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Give a function that starts one server in `tmp_path` and waits until it is healthy."""
    with contextlib.ExitStack() as cleanup:

        def start(*options: str) -> Server:
            server = Server(tmp_path, *options)
            cleanup.callback(server.kill)
            server.wait_until_healthy()
            return server

        yield start


def test_binary_serves_the_page_in_both_languages_and_its_files(
    start: Callable[..., Server],
) -> None:
    server = start()

    french, english = server.get("/", language="fr"), server.get("/", language="en")

    assert '<html lang="fr"' in french
    assert '<html lang="en"' in english
    assert server.get("/static/js/main.js")


def test_binary_keeps_its_database_in_the_current_directory(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    start()

    assert (tmp_path / "instance" / "tchat.db").exists()


def test_binary_delivers_a_message_and_stops_in_time(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    server = start("--database", "chat.db")

    with Client(f"ws://127.0.0.1:{server.port}/ws") as ada:
        ada.join("Ada")
        ada.post("Bonjour")
        assert ada.texts() == ["Bonjour"]

        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=STOP_S) == 0

    assert (tmp_path / "chat.db").exists()
    assert list((tmp_path / "tmp").iterdir()) == []
