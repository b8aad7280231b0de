"""What this machine allows, and how the interpreter copes with thousands of threads."""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

RESERVE = 24  # threads that WebSockets may not take: those for answers, and the server's own
# Requests that are answered at a time. Only one thread computes, and waits for nobody meanwhile:
# more of them would answer no more requests, and who waits for the GIL would wait for each.
ANSWERED_AT_ONCE = 2
CHECKED_AT_ONCE = 2  # the same for /healthz and /status, which wait for no others
# Sockets without a thread: kept alive, or with half a request. Browsers open six for a page: with
# fewer here, of a thousand people who come at once some wait until others' are ended.
_IDLE = 6000
_SPARE_FILES = 128  # descriptors for everything that is no accepted socket

# Seconds. A thread that waits for the GIL wakes after each interval to ask for it again:
# when thousands wait at once, nothing is left for the one that has it. Seen with 6,000
# connections that each sent a frame at the same moment: at 50 ms the server froze for half a
# minute now and then, at 500 ms never. No thread of ours computes for so long without I/O.
_SWITCH_INTERVAL_S = 0.5

# Allocations between two garbage collections, and collections between two of an older
# generation. A connection keeps some hundred objects, which a collection would look through in
# vain: with Python's own numbers (700, 10, 10) a fifth of the time to connect went into that, and
# with all connections looked through now and then it took longer with each. What an ended
# connection leaves behind, the class that Flask-Sock makes for its answer, is always young.
_GC_THRESHOLDS = (10_000, 10, 50)


class Affordable(NamedTuple):
    """What the limits of this machine allow."""

    connections: int  # WebSockets
    accepted: int  # sockets that are accepted at a time
    limit: str  # the one that allows fewer WebSockets than were asked for, with its value, or ""


def affordable(connections: int, root: Path = Path("/"), *, workers: int = 1) -> Affordable:
    """Raise the limit of open files, and give what the limits allow each of the workers.

    `root` is where the system's own files are.
    """
    wanted, limit = connections, ""
    accepted = connections + RESERVE + _IDLE
    if sys.platform == "win32":
        return Affordable(connections, accepted, limit)
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = accepted + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < files:
        soft = files if hard == resource.RLIM_INFINITY else min(files, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        accepted = max(soft - _SPARE_FILES, 3 * RESERVE)
        connections = min(connections, accepted - 2 * RESERVE)
        limit = f"the limit of open files (ulimit -Hn) is {soft}"
    # A small platform allows a few hundred processes and threads altogether, of all workers.
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    tasks = [(most, f"{file} is {most}") for most, file in _pids_max(root)]
    if soft != resource.RLIM_INFINITY:
        tasks.append((soft, f"the limit of processes and threads (ulimit -u) is {soft}"))
    for most, name in tasks:
        own = most // workers - 2 * RESERVE
        if own < connections:
            connections = max(1, own)
            limit = name if workers == 1 else f"{name}, for {workers} workers"
    return Affordable(max(1, connections), accepted, limit if connections < wanted else "")


def _pids_max(root: Path) -> Iterator[tuple[int, Path]]:
    """Give how many processes and threads a container allows, and the file that says so.

    They are the limits of this process's control group and of those that it is in. The first
    version of control groups has a tree for each kind of limit, the second one for all kinds.
    """
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # this is not Linux
        return
    for group in groups:
        _, kinds, path = group.split(":", 2)
        if kinds and "pids" not in kinds.split(","):
            continue
        for tree in ("pids",) if kinds else ("", "unified"):
            top = root / "sys/fs/cgroup" / tree
            # Within a container only the lower part of the path may be there, or none.
            inner = top / path.strip("/")
            for folder in (inner, *inner.parents):
                if not folder.is_relative_to(top):
                    break
                try:
                    yield int((folder / "pids.max").read_text()), folder / "pids.max"
                except (OSError, ValueError):
                    continue  # it sets no limit ("max"), or is not there


def tune_interpreter() -> None:
    """Prepare for thousands of threads; once everything is imported."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    logging.logThreads = False  # or each line asks for current_thread(): chat/serving/threads.py
    gc.freeze()  # what exists now stays: no collection needs to look at it
    gc.set_threshold(*_GC_THRESHOLDS)
