"""What a service of systemd hands over, with USR2, to the server that takes its place.

Where systemd does not run the server, nothing here does anything.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

_FIRST = 3  # the descriptor of the first socket (sd_listen_fds(3))


def hand_over_sockets(sockets: Sequence[Any]) -> None:
    """Put systemd's sockets where the program that is executed next looks for them.

    To be called between fork and exec. gunicorn moved them to other descriptors at its start, and
    tells the program how many there are, not where.
    """
    if sys.platform == "win32":  # for mypy: there is no fork
        return
    import fcntl
    import os

    above = _FIRST + len(sockets)
    copies = [fcntl.fcntl(sock.fileno(), fcntl.F_DUPFD_CLOEXEC, above) for sock in sockets]
    for sock in sockets:
        sock.set_inheritable(False)  # or each server would have one more than the one before
    for number, copy in enumerate(copies, _FIRST):
        os.dup2(copy, number)


def hand_over_service(pid: int, logger: Any) -> None:
    """Tell systemd, as the main process of a service, which process is that from now on.

    systemd would take the end of this one for the end of the service, and end all its processes.
    """
    from gunicorn.systemd import sd_notify  # gunicorn is not everywhere

    sd_notify(f"MAINPID={pid}", logger)
