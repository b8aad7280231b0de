"""A program that listens on an address, as a child of the tests."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

WITHIN_S = 10.0


class Daemon:
    """A program in a process of its own; it can be started again on the same address."""

    def __init__(self, folder: Path, command: Sequence[object], address: tuple[str, int]) -> None:
        """Prepare, without starting. What the program prints goes into a file in the folder."""
        self.output = folder / "output"
        self._command = [str(part) for part in command]
        self._address = address
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program and wait until it accepts connections."""
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        deadline = time.monotonic() + WITHIN_S
        while True:
            try:
                socket.create_connection(self._address, WITHIN_S).close()
                return
            except OSError:
                has_ended = self._process.poll() is not None
                if has_ended or time.monotonic() > deadline:
                    raise AssertionError(self.output.read_text()) from None
                time.sleep(0.02)  # bounded by the deadline: there is no event to wait for

    def end(self) -> None:
        """End the program, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
