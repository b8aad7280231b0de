"""The application, with bugs and a route added for test_traps.py and test_secrets.py."""

from __future__ import annotations

import sys
import threading

import msgspec

from chat import create_app
from chat.rooms.session import Session

app = create_app()

_hub = app.extensions["chat"].hub
_handle = _hub.handle


def handle_with_a_bug(session: Session, text: str) -> None:
    if text == "bug":
        raise ZeroDivisionError("a bug")
    if "a bug of int" in text:
        int(text)
    if "a bug of dict" in text:
        {}[text]
    if "a bug of msgspec" in text:
        try:
            int(text)
        except ValueError as error:
            raise msgspec.ValidationError(f"Invalid value {text}") from error
    _handle(session, text)


_hub.handle = handle_with_a_bug
app.add_url_rule("/switch-interval", view_func=lambda: str(sys.getswitchinterval()))
app.add_url_rule("/thread-objects", "threads", lambda: str(threading.active_count()))
