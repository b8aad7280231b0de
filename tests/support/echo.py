"""The application as an echo, for what RFC 6455 asks: see autobahn.py and test_rfc6455.py.

Everything is the real thing but for three: what a text asks is to be sent back, so is a
binary message, which the chat closes with 1003, and a message may be larger.
"""

from __future__ import annotations

from typing import Any

from wsproto.connection import Connection as Parser
from wsproto.connection import ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

import chat.web.socket
from chat import create_app
from chat.rooms.session import Session
from chat.sockets.connection import Connection
from chat.sockets.inbound import InboundStream

LIMIT_BYTES = 1 << 20


class EchoConnection(Connection):
    """A connection that takes larger messages, and binary ones, which come back at once."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._inbound = InboundStream(limit_bytes=LIMIT_BYTES)
        self._binary = bytearray()  # of a message that has not ended

    def _answer(self, item: Ping | BytesMessage | CloseConnection) -> None:
        if not isinstance(item, BytesMessage):
            super()._answer(item)
            return
        self._binary += item.data
        if item.message_finished:
            self.enqueue(_frame(BytesMessage(bytes(self._binary))))
            self._binary.clear()


def _frame(message: TextMessage | BytesMessage) -> bytes:
    return Parser(ConnectionType.SERVER).send(message)


def _echo(session: Session, text: str) -> None:
    session.connection.enqueue(_frame(TextMessage(text)))


chat.web.socket.Connection = EchoConnection  # type: ignore[attr-defined]
app = create_app()
app.extensions["chat"].hub.handle = _echo
