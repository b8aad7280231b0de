"""`make upgrade`, in a checkout with a remote, while people talk."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serving.test_handover import master_pid, wait_for_end
from tests.serving.test_versions import change, versions
from tests.support.posters import Posters
from tests.support.servers import FLASK_RUN, ROOT, ChatServer

MakeServer = Callable[..., ChatServer]
_WITHIN_S = 90.0
_FILES = ("wsgi.py", "gunicorn.conf.py", "Makefile", "requirements.txt", "requirements-dev.txt")
# The environment of these tests, but what would be installed into it is only written down.
_PYTHON = """#!/bin/sh
if [ "$2" = pip ]; then echo "$@" >> {installed}; exit 0; fi
exec {python} "$@"
"""


def git(folder: Path, *arguments: str) -> None:
    """Run git as somebody."""
    somebody = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    subprocess.run(["git", *somebody, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """Make a repository of the program as it is."""
    folder = tmp_path / "remote"
    shutil.copytree(
        ROOT / "chat", folder / "chat", ignore=shutil.ignore_patterns("__pycache__", "js", "css")
    )
    shutil.copytree(ROOT / "tools", folder / "tools", ignore=shutil.ignore_patterns("node_modules"))
    for file in _FILES:
        shutil.copy(ROOT / file, folder)
    (folder / ".gitignore").write_text(".venv/\n__pycache__/\n")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--message", "The first version")
    return folder


@pytest.fixture
def checkout(remote: Path, tmp_path: Path) -> Path:
    """Clone the repository, with an environment."""
    folder = tmp_path / "checkout"
    git(tmp_path, "clone", "--quiet", str(remote), str(folder))
    (folder / ".venv/bin").mkdir(parents=True)
    for name in ("python", "pip"):
        program = folder / ".venv/bin" / name
        program.write_text(
            _PYTHON.format(installed=tmp_path / "installed.txt", python=sys.executable)
        )
        program.chmod(0o755)
    (folder / ".venv/.installed").touch()
    return folder


@pytest.fixture
def make_run(checkout: Path, make_server: MakeServer) -> Iterator[ChatServer]:
    """Run the checkout's server."""
    server = make_server(("make", "run"), cwd=checkout)
    server.start()
    yield server
    try:
        os.kill(master_pid(server), signal.SIGKILL)
    except ProcessLookupError:
        pass


def make(target: str, server: ChatServer) -> subprocess.CompletedProcess[str]:
    """Run a target of the checkout's Makefile, with the server's settings."""
    return subprocess.run(
        ["make", target],
        cwd=server._cwd,
        env=server.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=_WITHIN_S,
    )


@pytest.mark.alone  # nobody waits a second
def test_upgrade_replaces_the_server_while_people_post(
    remote: Path, make_run: ChatServer, tmp_path: Path
) -> None:
    server = make_run
    old = master_pid(server)
    assert versions(server) == (False, False)
    change(remote)
    with (remote / "requirements.txt").open("a") as requirements:
        requirements.write("# another version\n")
    git(remote, "commit", "--quiet", "--all", "--message", "The second version")

    with Posters(server) as posters:
        posters.more()
        made = make("upgrade", server)
        assert made.returncode == 0, made.stdout + made.stderr + server.log()
        posters.more()
        assert versions(server) == (True, True)
    posters.check()
    assert {code for one in posters.people for code in one.close_codes} <= {1012}
    new = master_pid(server)
    assert f"Server {new} took over from {old}; kill {new} stops it" in made.stdout
    assert "-r requirements.txt" in (tmp_path / "installed.txt").read_text()
    wait_for_end(old)
    os.kill(new, signal.SIGTERM)
    wait_for_end(new)
    assert "ERROR" not in server.log()


@pytest.mark.alone
def test_upgrade_to_a_version_that_does_not_load_leaves_the_server_as_it_was(
    remote: Path, make_run: ChatServer
) -> None:
    server = make_run
    old = master_pid(server)
    change(remote)
    (remote / "chat/protocol.py").write_text("def broken(:\n")
    git(remote, "commit", "--quiet", "--all", "--message", "A broken version")
    with Posters(server) as posters:
        made = make("upgrade", server)
        assert made.returncode != 0
        assert "SyntaxError" in made.stderr
        posters.more()
    posters.check()
    assert versions(server) == (False, False)
    assert master_pid(server) == old


@pytest.mark.long
def test_upgrade_without_a_server_says_so(make_run: ChatServer) -> None:
    make_run.stop()
    made = make("replace", make_run)
    assert made.returncode == 0
    assert f"No server runs with {make_run.database}" in made.stdout


@pytest.mark.long
def test_server_that_cannot_be_replaced_is_left_alone(
    make_server: MakeServer, checkout: Path
) -> None:
    server = make_server(FLASK_RUN, cwd=checkout)
    server.start()
    made = make("replace", server)
    assert made.returncode != 0
    assert "restart it" in made.stderr
    assert server.get("/healthz")


def test_service_is_left_to_its_manager(make_server: MakeServer, checkout: Path) -> None:
    as_systemd_does = (
        "sh",
        "-c",
        'SYSTEMD_EXEC_PID=$$ exec "$@"',
        "sh",
        sys.executable,
        "-m",
        "chat",
    )
    server = make_server(as_systemd_does, cwd=checkout)
    server.start()
    made = make("replace", server)
    assert made.returncode != 0
    assert "restart the service" in made.stderr
    assert server.get("/healthz")
