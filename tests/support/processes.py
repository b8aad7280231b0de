"""What the kernel tells about a server's workers."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.servers import ChatServer


@dataclass(frozen=True)
class Figures:
    """What a process uses at one moment."""

    threads: int
    files: int
    memory_bytes: int

    def __str__(self) -> str:
        return (
            f"threads {self.threads}  files {self.files}  "
            f"memory {self.memory_bytes / 1024 / 1024:.1f} MiB"
        )


def worker_pid(server: ChatServer) -> int:
    """Find gunicorn's one worker, the newest."""
    return int(re.findall(r"Booting worker with pid: (\d+)", server.log())[-1])


def worker_pids(server: ChatServer) -> list[int]:
    """Find gunicorn's workers that run, oldest first."""
    assert server.process is not None
    master = server.process.pid
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return [int(pid) for pid in children]


def connections(server: ChatServer) -> dict[int, int]:
    """Find the connections of a server on IPv4: the peer's port, and the worker that has it."""
    established, found = "01", {}
    inodes = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        here, there = (int(address.partition(":")[2], 16) for address in fields[1:3])
        if here == server.port and fields[3] == established:
            inodes[f"socket:[{fields[9]}]"] = there
    for pid in worker_pids(server):
        for file in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                if (port := inodes.get(str(file.readlink()))) is not None:
                    found[port] = pid
    return found


def figures(pid: int) -> Figures:
    """Read what a process uses now; its memory is the PSS, which divides shared pages."""
    return Figures(
        threads=_field(pid, "status", "Threads"),
        files=sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),
        memory_bytes=_field(pid, "smaps_rollup", "Pss") * 1024,
    )


def cpu_s(pid: int) -> float:
    """Read how much processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Read how much memory a process holds now."""
    return _field(pid, "status", "VmRSS") * 1024


def forget_peak(pid: int) -> None:
    """Reset the peak of a process's memory."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_bytes(pid: int) -> int:
    """Read how much memory a process held at most."""
    return _field(pid, "status", "VmHWM") * 1024


def _field(pid: int, file: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{pid}/{file}").read_text(), re.MULTILINE)
    assert found is not None, name
    return int(found[1])
