"""What the kernel tells about a server's worker."""

from __future__ import annotations

import os
import re
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
