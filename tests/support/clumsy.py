"""The application, with a bug on the accepting thread added for test_shortages.py."""

from __future__ import annotations

from chat import create_app
from chat.serving import peer_socket

app = create_app()

_has_head = peer_socket.has_head


def has_head_with_a_bug(received: bytearray) -> bool:
    if b"X-Bug" in received:
        raise ZeroDivisionError("a bug")
    return _has_head(received)


peer_socket.has_head = has_head_with_a_bug
