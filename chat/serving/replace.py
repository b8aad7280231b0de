"""The end of `make upgrade`: replace the server that runs by one of the version on the disk.

USR2 lets gunicorn start the new server beside the old one, with the same sockets. The new one
asks the old one to stop as soon as it could serve (chat/serving/worker.py). If it never can, the
old one goes on.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from time import monotonic, sleep

from chat import Chat, create_app
from chat.config import SettingError
from chat.log import Holder, LogError

_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.1


class NotReplaced(Exception):
    """A server that goes on as it was, or none at all: one line that says why."""


def main() -> None:
    """Replace the server that has the database of CHAT_DATABASE, and say which one serves now."""
    try:
        print(replace(create_app().extensions["chat"]))
    except (SettingError, LogError, NotReplaced) as error:
        raise SystemExit(f"Tchat: {error}") from None


def replace(chat: Chat) -> str:
    """Replace the server that has the log; give a sentence about the new one.

    Raises NotReplaced, or LogError.
    """
    if chat.settings.redis_url:
        raise NotReplaced(
            f"many servers may use {chat.place}: replace each by kill -USR2 and its pid, which it "
            "said at its start"
        )
    old = _holder(chat)
    if old is None:
        return f"No server runs with {chat.place}: there is nothing to replace"
    if old.server == old.process:
        raise NotReplaced(f"process {old.server} is no server that can be replaced: restart it")
    if _is_service(old.server):
        raise NotReplaced(
            f"server {old.server} is a service, which would count as ended: restart the service"
        )
    os.kill(old.server, signal.SIGUSR2)
    gives_up_at = monotonic() + _WITHIN_S
    while monotonic() < gives_up_at:
        new = _holder(chat)
        if new is not None and new.server != old.server:
            return f"Server {new.server} took over from {old.server}; kill {new.server} stops it"
        sleep(_LOOK_EVERY_S)
    raise NotReplaced(f"no new server within {_WITHIN_S:.0f} s; the log of {old.server} says why")


def _holder(chat: Chat) -> Holder | None:
    """Give who has the log; None if nobody has it."""
    if chat.claim():
        chat.release()
        return None
    return chat.holder()


def _is_service(pid: int) -> bool:
    """Tell whether the machine itself waits for this process: a container, or systemd."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # no Linux
        environment = []
    return pid == 1 or b"SYSTEMD_EXEC_PID=%d" % pid in environment


if __name__ == "__main__":
    main()
