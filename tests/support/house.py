"""A room with owners, made and entered over real WebSockets."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.client import Client, Event, Refused
from tests.support.servers import ChatServer


class House:
    """A server, and the one room of a test."""

    def __init__(self, server: ChatServer, room: str) -> None:
        self.server = server
        self.room = room
        self.owner_key = secrets.token_urlsafe(16)
        self._clients: list[Client] = []

    def make(self, **fields: Any) -> Event:
        """Make the room on purpose; give the answer."""
        with Client(self.server.ws_url) as maker:
            maker.send(**{"type": "make", "room": self.room, "owner": self.owner_key, **fields})
            return maker.expect("made")

    def come(self, nick: str, **fields: Any) -> Client:
        """Let somebody into the room."""
        client = self.visitor()
        client.join(nick, self.room, **fields)
        return client

    def owner(self, nick: str = "Olga", **fields: Any) -> Client:
        """Let an owner into the room."""
        return self.come(nick, owner=self.owner_key, **fields)

    def visitor(self) -> Client:
        """Open a connection that is in no room yet."""
        self._clients.append(Client(self.server.ws_url))
        return self._clients[-1]

    def refused(self, nick: str = "Nina", **fields: Any) -> Event:
        """Give the error that answers somebody who would come in."""
        client = self.visitor()
        return client.refusal(type="join", nick=nick, room=self.room, **fields)

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients:
            client.ws.close()


def refused(ask: Callable[..., Event], *arguments: Any, **fields: Any) -> Event:
    """Give the error that answers what is asked."""
    with pytest.raises(Refused) as refusal:
        ask(*arguments, **fields)
    return dict(refusal.value.error)
