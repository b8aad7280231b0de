"""What this machine allows, and how the interpreter copes with thousands of threads."""

from __future__ import annotations

import gc
import logging
import sys

RESERVE = 24  # threads that WebSockets may not take: pages and /status always answer
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


def affordable(connections: int) -> tuple[int, int]:
    """Raise the limit of open files, and give what the limits allow.

    That is how many WebSockets, and how many sockets that are accepted at a time.
    """
    accepted = connections + RESERVE + _IDLE
    if sys.platform == "win32":
        return connections, accepted
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = accepted + _SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        accepted = max(soft - _SPARE_FILES, 3 * RESERVE)
        connections = min(connections, accepted - 2 * RESERVE)
    # A small platform allows a few hundred processes and threads altogether.
    tasks, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if tasks != resource.RLIM_INFINITY:
        connections = min(connections, tasks - 2 * RESERVE)
    return max(1, connections), accepted


def tune_interpreter() -> None:
    """Prepare for thousands of threads; once everything is imported."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    logging.logThreads = False  # or each line asks for current_thread(): chat/serving/threads.py
    gc.freeze()  # what exists now stays: no collection needs to look at it
    gc.set_threshold(*_GC_THRESHOLDS)
