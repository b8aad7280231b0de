"""Each task of docs/operations.md is one command, which is run here as it stands there."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.api import Caller
from tests.support.client import Client
from tests.support.redis import RedisServer
from tests.support.servers import MODULE, ROOT, ChatServer

PAGE = (ROOT / "docs/operations.md").read_text()
TABLE = PAGE.partition("| task |")[2].partition("\n\n")[0]
TASKS = dict(re.findall(r"^\| ([a-z ]+) \| `(.+)` \|$", TABLE, re.MULTILINE))

#: What has a test of its own, with a system around it: the words of the command, and the test.
ELSEWHERE = {
    "alert": ("prometheus.yml", "tests/whole/test_watching.py"),
    "upgrade": ("upgrade", "tests/serving/test_upgrade.py"),
    "run as a service": ("tchat.service", "tests/deploy/test_units.py"),
}
HERE = {
    *("back up", "restore", "move", "who is here", "export", "remove", "keep out"),
    *("shrink", "watch", "script"),
}


def test_each_task_is_run_here_or_elsewhere() -> None:
    assert set(TASKS) == {*HERE, *ELSEWHERE}
    for task, (words, test) in ELSEWHERE.items():
        assert words in TASKS[task]
        assert words in (ROOT / test).read_text()


@pytest.fixture
def kitchen(make_server: Callable[..., ChatServer], tmp_path: Path) -> ChatServer:
    server = make_server()
    server.start()
    return server


def do(server: ChatServer, task: str, folder: Path, **instead: str) -> str:
    """Run a task's command in a folder; give what it has printed."""
    command = TASKS[task]
    for there, here in instead.items():
        command = command.replace(there, here)
    words = shlex.split(command.replace("$KEY", "k" * 22))
    if words[0] == "tchat":
        words[:1] = MODULE
    done = subprocess.run(
        words,
        env={**server.environment, "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done
    return done.stdout


def test_tasks_while_people_talk(kitchen: ChatServer, tmp_path: Path) -> None:
    with Client(kitchen.ws_url) as bob:
        bob.join("Bob", "kitchen")
        bob.post("hello")
        assert "Bob" in do(kitchen, "who is here", tmp_path)
        asked = TASKS["script"].partition("http://localhost:8080")
        assert asked[1]
        posted = do(kitchen, "script", tmp_path, **{"http://localhost:8080": kitchen.url})
        assert json.loads(posted)["seq"] == 2
        assert "2 posts in seven days" in do(kitchen, "watch", tmp_path)
        do(kitchen, "export", tmp_path)
        assert "Build 7 is done." in (tmp_path / "kitchen.html").read_text()
        do(kitchen, "remove", tmp_path)
        bob.expect("removed")
        assert "0 entries are deleted" in do(kitchen, "shrink", tmp_path)
        do(kitchen, "keep out", tmp_path)
        assert bob.close_code() == 4003


@pytest.mark.embedded
def test_tasks_of_copies(kitchen: ChatServer, tmp_path: Path) -> None:
    ann = Caller(kitchen)
    ann.posted("kitchen", "m1", "kept")
    do(kitchen, "back up", tmp_path)
    ann.posted("kitchen", "m2", "after the copy")
    kitchen.stop()
    do(kitchen, "restore", tmp_path)
    kitchen.start()
    assert [each["text"] for each in ann.read("kitchen")["entries"]] == ["kept"]


@pytest.mark.embedded
def test_task_of_moving(kitchen: ChatServer, tmp_path: Path, redis_server: RedisServer) -> None:
    Caller(kitchen).posted("kitchen", "m1", "moved")
    kitchen.stop()
    places = {
        "instance/tchat.db": str(kitchen.database),
        "redis://localhost:6379/0": redis_server.url,
    }
    do(kitchen, "move", tmp_path, **places)
    with redis_server.client() as client:
        assert client.dbsize() > 0
