"""The application, with a bug and a route added for test_traps.py."""

from __future__ import annotations

import sys
import threading

from chat import create_app
from chat.rooms.session import Session

app = create_app()

_hub = app.extensions["chat"].hub
_handle = _hub.handle


def handle_with_a_bug(session: Session, text: str) -> None:
    if text == "bug":
        raise ZeroDivisionError("a bug")
    _handle(session, text)


_hub.handle = handle_with_a_bug
app.add_url_rule("/switch-interval", view_func=lambda: str(sys.getswitchinterval()))
app.add_url_rule("/thread-objects", "threads", lambda: str(threading.active_count()))
