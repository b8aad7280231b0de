"""What the machine allows: the least of its limits counts, and the log names it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from chat.serving.limits import RESERVE, affordable
from tests.support.servers import GUNICORN, ChatServer

MANY = 50_000


@pytest.fixture
def machine(tmp_path: Path) -> Callable[[str, dict[str, str]], Path]:
    """Make the files in which a system says to which control groups a process belongs."""

    def make(groups: str, limits: dict[str, str]) -> Path:
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/self/cgroup").write_text(groups)
        for folder, limit in limits.items():
            file = tmp_path / "sys/fs/cgroup" / folder / "pids.max"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{limit}\n")
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("groups", "limits", "file"),
    [
        # Version 2: a service under systemd, and the same with a limit further up.
        ("0::/system.slice/chat.service\n", {"system.slice/chat.service": "200"}, None),
        (
            "0::/system.slice/chat.service\n",
            {"system.slice/chat.service": "max", "system.slice": "200"},
            "system.slice/pids.max",
        ),
        (
            "0::/system.slice/chat.service\n",
            {"system.slice/chat.service": "900", "system.slice": "200"},
            "system.slice/pids.max",
        ),
        # A container of version 2 sees its own group as the top.
        ("0::/\n", {"": "200"}, "pids.max"),
        # Both versions beside each other; the limits are of version 1.
        ("9:pids:/x\n8:cpu,cpuacct:/y\n0::/\n", {"pids/x": "200", "pids": "max"}, None),
        ("9:cpu,pids:/x\n0::/z\n", {"pids/x": "200", "unified/z": "900"}, None),
        ("0::/z\n", {"unified/z": "200"}, None),
        # A container of version 1 is told the path that its host sees; its own top is the limit.
        ("9:pids:/docker/0123abc\n0::/\n", {"pids": "200"}, "pids/pids.max"),
        ("0::/../other\n", {"": "200"}, "pids.max"),
    ],
)
def test_pids_max_of_a_container_leaves_places_for_the_reserve_and_is_named(
    machine: Callable[[str, dict[str, str]], Path],
    groups: str,
    limits: dict[str, str],
    file: str | None,
) -> None:
    root = machine(groups, limits)
    allowed = affordable(1000, root)
    assert allowed.connections == 200 - 2 * RESERVE
    named = file or f"{next(iter(limits))}/pids.max"
    assert allowed.limit == f"{root / 'sys/fs/cgroup' / named} is 200"


@pytest.mark.parametrize(
    ("groups", "limits"),
    [
        ("0::/x\n", {"x": "max", "": "max"}),
        ("0::/x\n", {"x": "2000"}),
        ("0::/x\n", {"x": "rubbish"}),
        ("0::/x\n", {"y": "100"}),
        ("7:memory:/x\n", {"x": "100", "pids/x": "100"}),
        ("", {"": "100"}),
    ],
)
def test_limit_that_is_no_limit_changes_nothing(
    machine: Callable[[str, dict[str, str]], Path], groups: str, limits: dict[str, str]
) -> None:
    allowed = affordable(1000, machine(groups, limits))
    assert (allowed.connections, allowed.limit) == (1000, "")


def test_workers_share_what_the_machine_allows(machine: Callable[..., Path]) -> None:
    root = machine("0::/x\n", {"x": "1000"})
    allowed = affordable(1000, root, workers=4)
    assert allowed.connections == 1000 // 4 - 2 * RESERVE
    assert allowed.limit == f"{root / 'sys/fs/cgroup/x/pids.max'} is 1000, for 4 workers"


def test_machine_without_control_groups_sets_no_limit(tmp_path: Path) -> None:
    assert affordable(100, tmp_path).connections == 100


@pytest.mark.parametrize(
    ("limit", "options", "reason"),
    [
        ("ulimit -n 300", "", "the limit of open files (ulimit -Hn) is 300"),
        ("ulimit -u 1000", "", "the limit of processes and threads (ulimit -u) is 1000"),
        ("true", " --threads 60", "--threads is 60"),
    ],
)
def test_log_names_the_limit_that_lowers_the_places(
    make_server: Callable[..., ChatServer], limit: str, options: str, reason: str
) -> None:
    server = make_server(("bash", "-c", f"{limit}; exec {shlex.join(GUNICORN)}{options}"))
    server.start()
    said = server.logged(f": {reason}\n")
    lowered = re.search(r"CHAT_MAX_CONNECTIONS=1000 is lowered to (\d+): (.*)", said)
    assert lowered is not None
    assert lowered[2] == reason
    metrics = server.get("/metrics")
    assert f"tchat_connections_max {float(lowered[1])}" in metrics
