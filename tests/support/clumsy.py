"""The application, with a bug on the accepting thread added for test_shortages.py."""

from __future__ import annotations

from chat import create_app
from chat.serving import acceptor

app = create_app()

_head_end = acceptor.head_end


def head_end_with_a_bug(received: bytearray) -> int:
    if b"X-Bug" in received:
        raise ZeroDivisionError("a bug")
    return _head_end(received)


acceptor.head_end = head_end_with_a_bug
