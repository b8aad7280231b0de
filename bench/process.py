"""One server's processes: started on their core, measured, ended."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from bench.servers import BUILD, Server

_STARTS_WITHIN_S = 20.0
_ENDS_WITHIN_S = 20.0
_SPARE_THREADS = 100
# Sockets without a thread, as many as Tchat allows. With 0, gunicorn keeps no connection alive.
_IDLE = 6000
# Read once, before any process is pinned.
CORES = frozenset(os.sched_getaffinity(0))
SERVER_CORE, *_, LOAD_CORE = sorted(CORES) * 2  # the same core twice if there is only one
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Job:
    """The work that a server is started for."""

    connections: int
    batch: int = 0  # messages in each `send` of the bare limit; 0: one for each post


class Running:
    """A server's processes, pinned to `cores`; it may start again on the same port and folder.

    `values` are filled into its command and its environment, besides those of the job.
    """

    def __init__(
        self,
        server: Server,
        job: Job,
        cores: Set[int] = frozenset({SERVER_CORE}),
        **values: object,
    ) -> None:
        BUILD.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix=f"{server.name}-", dir=BUILD))
        self.port = _free_port()
        self._cores = cores
        values = {
            **values,
            "port": self.port,
            "batch": job.batch,
            "threads": job.connections + _SPARE_THREADS,
            "sockets": job.connections + _SPARE_THREADS + _IDLE,
            "folder": self._folder,
        }
        self._command = [part.format(**values) for part in server.command]
        self._environment = {
            **_ordinary_environment(),
            **{name: value.format(**values) for name, value in server.environment.items()},
        }
        self._program = server.program
        self._cwd = server.cwd
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start, and give the seconds until the port accepted a connection."""
        started_at = time.monotonic()
        # A child inherits the affinity, so no code has to run between fork and exec.
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, self._cores)
        try:
            with (self._folder / "output").open("ab") as output:
                self._process = subprocess.Popen(
                    self._command,
                    executable=self._program,
                    cwd=self._cwd,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # so that its workers can be found and ended
                )
        finally:
            os.sched_setaffinity(0, before)
        while time.monotonic() - started_at < _STARTS_WITHIN_S:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return time.monotonic() - started_at
            except OSError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.002)  # bounded above: there is no event to wait for
        raise RuntimeError(f"{self._command} did not start:\n{self.output()}")

    def cpu_s(self) -> tuple[float, float]:
        """Give the CPU seconds of its processes, and those of all programs on both cores."""
        return sum(self.cpu_by_process().values()), cores_cpu_s({SERVER_CORE, LOAD_CORE})

    def cpu_by_process(self) -> dict[int, float]:
        """Give the CPU seconds of each of its processes."""
        found = {}
        for pid in self._processes():
            try:
                # Linux's number for the clock of another process, which counts nanoseconds.
                found[pid] = time.clock_gettime(~pid << 3 | 2)
            except OSError:  # it has ended meanwhile
                continue
        return found

    def memory_bytes(self) -> int:
        """Give the memory of its processes: PSS, which counts shared pages once."""
        kib = 0
        for pid in self._processes():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kib += int(line.split()[1])
        return kib * 1024

    def written_bytes(self) -> int:
        """Give the bytes that its processes have sent to the disk, in whole pages."""
        return sum(
            int(line.split()[1])
            for pid in self._processes()
            for line in Path(f"/proc/{pid}/io").read_text().splitlines()
            if line.startswith("write_bytes:")
        )

    def _processes(self) -> dict[int, list[str]]:
        """Find its session's processes, each with the fields of /proc's stat from the state on."""
        assert self._process is not None
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:  # it has ended meanwhile
                    continue
                if int(fields[3]) == self._process.pid:
                    found[int(entry.name)] = fields
        return found

    def _alive(self) -> bool:
        """Tell whether a process still holds resources, which a zombie does not."""
        for pid, fields in self._processes().items():
            try:
                if fields[0] not in "ZX" or len(list(Path(f"/proc/{pid}/task").iterdir())) > 1:
                    return True
            except OSError:  # it has ended meanwhile
                continue
        return False

    def output(self) -> str:
        """Give the end of what it has printed."""
        return (self._folder / "output").read_text(errors="replace")[-2000:]

    def printed(self, text: str) -> int:
        """Give how often it has printed a text."""
        return (self._folder / "output").read_text(errors="replace").count(text)

    def kill(self) -> None:
        """End its processes at once."""
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # ended by itself
        self._process.wait(_ENDS_WITHIN_S)
        deadline = time.monotonic() + _ENDS_WITHIN_S
        while self._alive():  # a worker that dies a little later still holds the port
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self._command} does not end")
            time.sleep(0.002)  # not our children: there is no event to wait for
        self._process = None

    def close(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)


def cores_cpu_s(cores: Set[int]) -> float:
    """Give the CPU seconds in which these cores were busy, or taken by another machine."""
    names = {f"cpu{core}" for core in cores}
    ticks = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in names:
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[:8])
            ticks += user + nice + system + irq + softirq + steal
    return ticks / _TICKS_PER_S


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _ordinary_environment() -> dict[str, str]:
    """Give this process's environment without any setting of a server."""
    settings = ("CHAT_", "GUNICORN_", "FLASK_", "PYTHON", "GO")
    fixed = ("PORT", "HOST", "REDIS_URL", "WEB_CONCURRENCY", "TRUSTED_PROXIES")
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(settings) and name not in fixed
    }
