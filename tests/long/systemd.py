"""The service of deploy/ under a real systemd, as root on Linux (`make machines`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.test_versions import change, versions
from tests.support.client import Client
from tests.support.posters import Posters
from tests.support.systemd import Service
from tests.support.trees import copy_program
from tests.support.waiting import wait_until

_ENVIRONMENT = "CHAT_LIMITS=off\n"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Copy the program, so that there can be another version of it."""
    return copy_program(tmp_path / "program")


@pytest.fixture
def service(request: pytest.FixtureRequest, tmp_path: Path, program: Path) -> Iterator[Service]:
    """Give the service, once it answers; with the parameter "redis", two workers on Redis."""
    settings, redis_url = _ENVIRONMENT, None
    if getattr(request, "param", "sqlite") == "redis":
        redis_url = request.getfixturevalue("redis_server").url
        settings += f"REDIS_URL={redis_url}\nWEB_CONCURRENCY=2\n"
    service = Service(tmp_path / "machine", program, settings)
    service.redis_url = redis_url
    try:
        service.start()
        yield service
    finally:
        service.end()


@pytest.mark.parametrize("service", ["sqlite", "redis"], indirect=True)
def test_reload_replaces_the_server_while_people_post(service: Service, program: Path) -> None:
    assert versions(service) == (False, False)
    pids = [service.show("MainPID")]
    change(program)
    with Posters(service) as posters:
        for _ in range(3):  # each server hands over what was handed over to it
            posters.more()
            made = service.systemctl("reload", "tchat.service")
            assert made.returncode == 0, made.stderr + service.log()
            posters.more()
            pids.append(service.show("MainPID"))
    posters.check(within_s=10.0)
    assert {code for one in posters.people for code in one.close_codes} <= {1012}
    assert versions(service) == (True, True)
    assert len(set(pids)) == len(pids)
    assert (service.show("ActiveState"), service.show("NRestarts")) == ("active", "0")
    with Client(service.ws_url) as ann:
        ann.join("Ann")
        assert service.systemctl("stop", "tchat.service").returncode == 0
        assert ann.close_code() == 1012
    assert service.show("Result") == "success"
    assert not re.search("Traceback|ERROR", service.log())


def test_reload_to_a_version_that_does_not_load_fails_and_the_server_goes_on(
    service: Service, program: Path
) -> None:
    pid = service.show("MainPID")
    (program / "chat/protocol.py").write_text("def broken(:\n")
    with Posters(service) as posters:
        posters.more()
        assert service.systemctl("reload", "tchat.service").returncode != 0
        posters.more()
    posters.check(within_s=10.0)
    assert (service.show("ActiveState"), service.show("MainPID")) == ("active", pid)


def test_restart_refuses_nobody_and_loses_nothing(service: Service) -> None:
    with Posters(service) as posters:
        for _ in range(2):
            posters.more()
            assert service.systemctl("restart", "tchat.service").returncode == 0
            posters.more()
    posters.check(within_s=20.0)
    # The socket is systemd's: who comes before a worker accepts waits, and is not refused.
    with Client(service.ws_url) as ann:
        ann.join("Ann")
        assert service.systemctl("stop", "tchat.service").returncode == 0
        assert ann.close_code() == 1012
    assert service.get("/healthz") == "ok\n"


def test_server_that_took_over_and_is_killed_is_started_again(service: Service) -> None:
    assert service.systemctl("reload", "tchat.service").returncode == 0
    pid = service.show("MainPID")
    kill = ("kill", "--kill-whom=main", "--signal=KILL", "tchat.service")
    assert service.systemctl(*kill).returncode == 0
    wait_until(lambda: service.show("MainPID") not in (pid, "0"), service.log)
    assert service.get("/healthz") == "ok\n"


def test_service_can_write_its_own_files_alone(service: Service) -> None:
    """What is asked here is asked of a process inside the service's own walls."""
    pid = service.show("MainPID")
    look = f"nsenter --target {pid} --mount -- findmnt --noheadings --output OPTIONS --target"
    for path, expected in {"/var/lib/tchat": "rw", "/opt/tchat": "ro", "/etc": "ro"}.items():
        found = service.inside("sh", "-c", f"{look} {path}").stdout
        assert found.split(",")[0] == expected, (path, found)
    status = service.inside("cat", f"/proc/{pid}/status").stdout
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\s+2$", status, re.MULTILINE)
    assert re.search(r"^CapBnd:\s+0+$", status, re.MULTILINE)
    assert service.database.stat().st_mode & 0o077 == 0
