"""What docs/api.md shows is what curl gets from a real server."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chat.web.api.operator import ALL_OPERATIONS
from tests.support.servers import ROOT, ChatServer
from tests.support.shown import Shown

PAGE = (ROOT / "docs/api.md").read_text()
BLOCKS = re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

#: A command, over several lines perhaps, and what it prints.
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:[^$\n].*\n)*)", re.MULTILINE)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    server = ChatServer(tmp_path_factory.mktemp("api"))
    try:
        server.start()
        yield server
    finally:
        server.end()


def test_curl_gets_what_the_page_shows(server: ChatServer, tmp_path: Path) -> None:
    (tmp_path / ".curlrc").write_text("silent\nmax-time = 60\n")
    environment = {**os.environ, "CURL_HOME": str(tmp_path), "TCHAT": server.url, "KEY": "k" * 22}

    def run(command: str) -> str:
        return subprocess.run(
            ["sh", "-euc", command],
            env=environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=True,
        ).stdout

    shown, asked = Shown(), 0
    for block in BLOCKS:
        assert COMMAND.sub("", block).strip() == ""  # each line is a command's
        for command, output in COMMAND.findall(block):
            if output:
                shown.compare(json.loads(output), json.loads(run(command)), command)
                asked += 1
            else:  # it sets a variable
                name = command.partition("=")[0]
                environment[name] = run(f'{command}; printf %s "${name}"')
    assert asked > 15


def test_each_operation_has_a_row() -> None:
    rows = re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", PAGE, re.MULTILINE)
    assert rows == [f"{each.method} {each.path}" for each in ALL_OPERATIONS]
