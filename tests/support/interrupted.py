"""Commands that get a signal just before one of the things that they do to files.

Counted are the calls that open, name, link and delete files in a folder, and SQLite's connections.
So a test reaches each state between two of these calls, and none of them by luck. The commands run
in forks of one process, because Python takes most of a second to load the program.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.servers import ROOT

_EVENTS = ("open", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "sqlite3.connect")
_WITHIN_S = 60.0


class Interrupter:
    """A process that runs commands, each until a signal comes."""

    def __init__(self, folder: Path) -> None:
        """Start the process; the calls that concern the folder are counted."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.interrupted", str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=_WITHIN_S)

    def run(
        self, number: signal.Signals, at: int, *arguments: object
    ) -> subprocess.CompletedProcess[str]:
        """Run `python -m chat …`, with a signal before the n-th call; give what came of it."""
        command = list(map(str, arguments))
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([number, at, command]), file=self._process.stdin, flush=True)
        code, output = json.loads(self._process.stdout.readline())
        return subprocess.CompletedProcess(command, code, "", output)


def _serve(folder: str) -> None:
    import chat.cli  # noqa: F401 - loaded once, for all that are to come

    for line in sys.stdin:
        number, at, command = json.loads(line)
        with tempfile.TemporaryFile() as output:
            pid = os.fork()
            if pid == 0:
                os.dup2(output.fileno(), 2)
                os.dup2(os.open(os.devnull, os.O_RDWR), 1)
                _run(number, at, folder, command)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            output.seek(0)
            print(json.dumps([code, output.read().decode()]), flush=True)


def _run(number: int, at: int, folder: str, command: list[str]) -> None:
    from chat.cli import main

    calls = count(1)

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if event in _EVENTS and folder in str(arguments[0]) and next(calls) == at:
            os.kill(os.getpid(), number)

    sys.addaudithook(hear)
    code: object = 1
    try:
        main(command)
        code = 0
    except SystemExit as end:
        code = end.code
    finally:
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    _serve(sys.argv[1])
