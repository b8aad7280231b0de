"""A client of the wire protocol, over a real WebSocket, that trusts nothing.

It keeps what it is given, and raises at the first message that is not the next one.
"""

from __future__ import annotations

import itertools
import json
import time
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

Event = dict[str, Any]

WAIT_S = 10.0

_ids = itertools.count(1)


class Client:
    """Be one browser tab: a key, what it has seen, and a connection that may be renewed."""

    def __init__(self, ws_url: str, **connect_options: Any) -> None:
        self._ws_url = ws_url
        self._connect_options = connect_options
        self.ws: ClientConnection
        self.key: str | None = None
        self.member: Event = {}
        self.room = "general"
        self.epoch = ""
        self.seq = 0
        self.messages: list[Event] = []  # what was seen, in order
        self.connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.ws.close()

    def connect(self) -> None:
        """Open a new WebSocket."""
        self.ws = connect(
            self._ws_url, compression=None, legacy=True, max_size=None, **self._connect_options
        )

    def send(self, **command: Any) -> None:
        """Send a command as it is."""
        self.ws.send(json.dumps(command, ensure_ascii=False))

    def receive(self, timeout_s: float = WAIT_S) -> Event:
        """Receive one event; a message must be the next one, or one that was seen."""
        event: Event = json.loads(self.ws.recv(timeout_s))
        if event["type"] == "message":
            self._see(event)
        return event

    def _see(self, message: Event) -> None:
        if message["seq"] > self.seq:
            assert message["seq"] == self.seq + 1, f"a hole after {self.seq}: {message}"
            self.seq = message["seq"]
            self.messages.append(message)
        else:
            seen = [known for known in self.messages if known["seq"] == message["seq"]]
            assert not seen or seen == [message], f"{message} was {seen}"

    def expect(self, kind: str, timeout_s: float = WAIT_S, **fields: Any) -> Event:
        """Receive until an event of this type with these fields comes; an error is one too."""
        deadline = time.monotonic() + timeout_s
        while True:
            event = self.receive(deadline - time.monotonic())
            if event["type"] == kind and all(event.get(n) == v for n, v in fields.items()):
                return event
            assert event["type"] != "error" or kind == "error", event

    def join(self, nick: str | None = None, room: str = "general", **fields: Any) -> Event:
        """Join and take in the welcome; resumes when this client has been in the room."""
        command: Event = {"type": "join", "room": room, **fields}
        if nick is not None:
            command["nick"] = nick
        if self.key is not None:
            command.setdefault("key", self.key)
        self.send(**command)
        welcome = self.expect("welcome")
        self.key, self.member, self.room = welcome["key"], welcome["member"], room
        self._take_in(welcome)
        return welcome

    def _take_in(self, welcome: Event) -> None:
        if not welcome["resumed"]:
            self.seq, self.messages = seq_before(welcome), []
        self.epoch = welcome["epoch"]
        for message in welcome["messages"]:
            self._see(message)
        assert self.seq == welcome["seq"]

    def resume(self) -> Event:
        """Connect anew and come back to where this client was."""
        self.connect()
        return self.join(
            self.member["nick"], self.room, after={"epoch": self.epoch, "seq": self.seq}
        )

    def post(self, text: str, post_id: str | None = None) -> Event:
        """Post and wait for the acknowledgement."""
        post_id = post_id or new_id()
        self.send(type="post", id=post_id, text=text)
        return self.acknowledged(post_id)

    def acknowledged(self, post_id: str) -> Event:
        """Wait for the message that one's own post became."""
        while True:
            event = self.expect("message", id=post_id)
            if event["member"]["id"] == self.member["id"]:
                return event

    def refusal(self, **command: Any) -> Event:
        """Send a command and return the error that answers it."""
        self.send(**command)
        return self.expect("error")

    def close_code(self) -> int | None:
        """Receive until the connection ends and give the close code that came."""
        try:
            while True:
                self.receive()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None

    def texts(self) -> list[str]:
        """Give the texts seen, in order."""
        return [message["text"] for message in self.messages]


def seq_before(welcome: Event) -> int:
    """Give the seq after which a welcome's messages begin."""
    return int(welcome["seq"]) - len(welcome["messages"])


def new_id() -> str:
    """Make a post's id."""
    return f"p{next(_ids)}"
