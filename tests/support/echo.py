"""The application as an echo, for tests of RFC 6455: see autobahn.py and test_rfc6455.py.

It differs from the real application in three ways. It sends each text back. It sends each binary
message back too, where the chat closes with 1003. And a message may be larger.
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
    """A connection that accepts larger messages, and sends binary ones back at once."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._inbound = InboundStream(limit_bytes=LIMIT_BYTES)
        self._binary = bytearray()  # the parts of a message that has not ended yet

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
