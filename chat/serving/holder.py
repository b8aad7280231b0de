"""Who has the log: this process, another server, or one that is about to give it over."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from time import monotonic, sleep

from chat import Chat
from chat.log import LogError

_TRY_EVERY_S = 0.05  # the lock tells nobody when it is free
_ENDS_WITHIN_S = 5.0  # a worker whose master has died


def predecessor() -> int:
    """Give the pid of the server that USR2 replaces by this one; 0 where there is none."""
    return int(os.environ.get("GUNICORN_PID") or 0)


def is_alive(pid: int) -> bool:
    """Tell whether there is such a process."""
    if sys.platform == "win32":  # where signal 0 is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return True


def refuse_stranger(chat: Chat, relatives: Collection[int] = ()) -> None:
    """Refuse a log that another server has, unless that one is ending or one of `relatives`.

    Raises LogError.
    """
    holder = chat.holder()
    if holder is not None and holder.server not in relatives and is_alive(holder.server):
        raise LogError(f"another process ({holder.server}) serves {chat.place}")


def take_log(chat: Chat) -> None:
    """Claim the log now, or as soon as a server that has died has let go of it.

    Raises LogError.
    """
    gives_up_at = monotonic() + _ENDS_WITHIN_S
    while not chat.claim():
        refuse_stranger(chat)
        if monotonic() > gives_up_at:
            raise LogError(f"another process serves {chat.place}")
        sleep(_TRY_EVERY_S)
