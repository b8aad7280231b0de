"""The end of an upgrade: replace the server that runs by one of the version on the disk.

`make upgrade` calls it, and so does `systemctl reload` (deploy/tchat.service). USR2 lets gunicorn
start the new server beside the old one, with the same sockets. The new one asks the old one to stop
as soon as it could serve (chat/serving/worker.py). If it never can, the old one goes on.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

from chat import Chat, create_app
from chat.config import SettingError
from chat.log import Holder, LogError
from chat.serving.holder import is_alive

_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.1


class NotReplaced(Exception):
    """A server that goes on as it was, or none at all: one line that says why."""


def main() -> None:
    """Replace the server with the pid that is given, or else the one that has CHAT_DATABASE."""
    try:
        # Whether a pid is given or not: a version that does not load is refused here.
        chat: Chat = create_app().extensions["chat"]
        print(replace_process(int(sys.argv[1])) if sys.argv[1:] else replace(chat))
    except (SettingError, LogError, NotReplaced) as error:
        raise SystemExit(f"Tchat: {error}") from None


def replace_process(pid: int) -> str:
    """Replace the server with this pid, wherever its log is; give a sentence about that.

    Raises NotReplaced.
    """
    _ask(pid)
    _wait(pid, lambda: not is_alive(pid))
    return f"Another server took over from {pid}"


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
            f"server {old.server} is a service, which would count as ended: reload or restart the "
            "service (docs/deploy.md)"
        )
    _ask(old.server)

    def newcomer() -> int:
        new = _holder(chat)
        return new.server if new is not None and new.server != old.server else 0

    new = _wait(old.server, newcomer)
    return f"Server {new} took over from {old.server}; kill {new} stops it"


def _ask(pid: int) -> None:
    """Ask a server to start the one that replaces it."""
    try:
        os.kill(pid, signal.SIGUSR2)
    except OSError as error:
        raise NotReplaced(f"process {pid} cannot be asked to be replaced: {error}") from None


def _wait(old: int, found: Callable[[], int]) -> int:
    """Wait until a new server is found in the place of an old one, and give what was found."""
    gives_up_at = monotonic() + _WITHIN_S
    while not (new := found()):
        if monotonic() > gives_up_at:
            raise NotReplaced(f"no new server within {_WITHIN_S:.0f} s; the log of {old} says why")
        sleep(_LOOK_EVERY_S)
    return new


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
