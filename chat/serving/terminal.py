"""The terminal that a server was started in, and the signals that come from it.

When the terminal is closed, the server ends. But the terminal sends SIGHUP then, which gunicorn
takes for « load everything anew ».
"""

from __future__ import annotations

import os
import signal


def has_terminal() -> bool:
    """Tell whether this process has a terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def ignore_further_stops() -> None:
    """Let a second Ctrl-C change nothing, in a process that is about to end.

    Python's end gives signals their defaults back, which would kill it.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def ends_with_its_terminal() -> bool:
    """Tell whether a process that begins now has to end with its terminal.

    Not one that was started with nohup, nor one without a terminal (setsid, a service).
    """
    return has_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
