"""A client of the wire protocol, over a real WebSocket, that checks everything.

It knows its place in its room's log, by epoch, seq and time, and raises at the first message that
is not the next one. Methods that wait for an answer block the caller's thread. One thread may
send while another receives.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support.ids import new_id

Event = dict[str, Any]

WAIT_S = 10.0


class Refused(Exception):
    """An error event that came instead of the expected event."""

    def __init__(self, error: Event) -> None:
        super().__init__(error)
        self.error = error


class PromiseBroken(Exception):
    """A message or a welcome that contradicts what this client has seen."""


class Place:
    """A place in a room's log: the messages seen so far, and the one that may come next."""

    def __init__(self, room: str = "general") -> None:
        self.room = room
        self.key: str | None = None
        self.member: Event = {}
        self.epoch = ""
        self.seq = 0
        # The server's time of the message with that seq; None if there is none, or if it is gone.
        self.at: str | None = None

    def join_command(self, nick: str | None = None, **fields: Any) -> Event:
        """Make the command that joins the room, as the same member after a first join."""
        command: Event = {"type": "join", "room": self.room, **fields}
        if nick is not None:
            command["nick"] = nick
        if self.key is not None:
            command.setdefault("key", self.key)
        return command

    def resume_command(self, nick: str | None = None) -> Event:
        """Make the command that resumes after the last message seen."""
        after: Event = {"epoch": self.epoch, "seq": self.seq}
        if self.at is not None:
            after["at"] = self.at
        return self.join_command(nick or self.member["nick"], after=after)

    def _take_in(self, welcome: Event) -> None:
        """Start anew or resume, as the welcome says; then take its messages."""
        self.key, self.member = welcome["key"], welcome["member"]
        gap = welcome.get("gap")
        if not welcome["resumed"]:
            self.seq, self.at = seq_before(welcome), None
        elif welcome["epoch"] != self.epoch:
            raise PromiseBroken(f"resumed in {welcome['epoch']}, which is not {self.epoch}")
        elif gap is not None:
            raise PromiseBroken(f"resumed in spite of a gap: {gap}")
        self.epoch = welcome["epoch"]
        for message in welcome["messages"]:
            self._see(message)
        if self.seq != welcome["seq"]:
            raise PromiseBroken(f"a welcome to {welcome['seq']} that ends at {self.seq}")
        at = welcome.get("at")
        if self.at not in (None, at):
            raise PromiseBroken(f"a welcome to {at} that ends at {self.at}")
        self.at = at

    def _see(self, message: Event) -> bool:
        """Take the next message; return False for an older one, which answers a repeated post."""
        if message["seq"] <= self.seq:
            return False
        if message["seq"] != self.seq + 1:
            raise PromiseBroken(f"a hole after {self.seq}: {message}")
        self.seq, self.at = message["seq"], message["at"]
        return True


class Client(Place):
    """One browser tab: a key, the messages it has seen, and a connection that it can open again."""

    def __init__(self, ws_url: str, **connect_options: Any) -> None:
        super().__init__()
        self._ws_url = ws_url
        self._connect_options = connect_options
        self.ws: ClientConnection
        self.messages: list[Event] = []  # the messages seen, in order
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

    # --- coming and going --------------------------------------------------------------

    def connect(self) -> None:
        """Open a new WebSocket."""
        self.ws = connect(
            self._ws_url, compression=None, legacy=True, max_size=None, **self._connect_options
        )

    def join(self, nick: str | None = None, room: str = "general", **fields: Any) -> Event:
        """Join a room and take its welcome; with `after`, resume."""
        self.room = room
        return self._enter(self.join_command(nick, **fields))

    def resume(self) -> Event:
        """Connect again and come back to this client's place."""
        self.connect()
        return self._enter(self.resume_command())

    def _enter(self, command: Event) -> Event:
        self.send(**command)
        welcome = self.expect("welcome")
        self._take_in(welcome)
        return welcome

    # --- talking -------------------------------------------------------------------------

    def send(self, **command: Any) -> None:
        """Send a command as it is."""
        self.ws.send(json.dumps(command, ensure_ascii=False))

    def post(self, text: str, post_id: str | None = None) -> Event:
        """Post and wait for the acknowledgement. A repeated id posts nothing twice."""
        post_id = post_id or new_id()
        self.send(type="post", id=post_id, text=text)
        return self.acknowledged(post_id)

    def acknowledged(self, post_id: str) -> Event:
        """Wait for this client's own post to come back as a message."""
        while True:
            event = self.expect("message", id=post_id)
            if event["member"]["id"] == self.member["id"]:
                return event

    def refusal(self, **command: Any) -> Event:
        """Send a command and return the error that answers it."""
        self.send(**command)
        return self.expect("error")

    # --- receiving -------------------------------------------------------------------------

    def receive(self, timeout_s: float | None = WAIT_S) -> Event:
        """Receive one event; a message must be the next one, or one seen before."""
        event: Event = json.loads(self.ws.recv(timeout_s))
        if event["type"] == "message":
            self._see(event)
        return event

    def events(self, timeout_s: float | None = None) -> Iterator[Event]:
        """Receive events until the connection ends; raise TimeoutError after a long silence."""
        try:
            while True:
                yield self.receive(timeout_s)
        except ConnectionClosed:
            return

    def expect(self, kind: str, timeout_s: float = WAIT_S, **fields: Any) -> Event:
        """Receive until an event of this type with these fields comes; Refused means an error."""
        deadline = time.monotonic() + timeout_s
        while True:
            event = self.receive(deadline - time.monotonic())
            if event["type"] == kind and all(event.get(n) == v for n, v in fields.items()):
                return event
            if event["type"] == "error" and kind != "error":
                raise Refused(event)

    def close_code(self) -> int | None:
        """Receive until the connection ends and give the close code that came."""
        for _ in self.events(WAIT_S):
            pass
        received = self.ws.protocol.close_rcvd
        return received.code if received else None

    def texts(self) -> list[str]:
        """Give the texts seen, in order."""
        return [message["text"] for message in self.messages]

    def _take_in(self, welcome: Event) -> None:
        if not welcome["resumed"]:
            self.messages = []
        super()._take_in(welcome)

    def _see(self, message: Event) -> bool:
        is_new = super()._see(message)
        if is_new:
            self.messages.append(message)
            return True
        seen = [known for known in self.messages if known["seq"] == message["seq"]]
        if seen and seen != [message]:
            raise PromiseBroken(f"{message} was {seen}")
        return False


def seq_before(welcome: Event) -> int:
    """Give the seq after which a welcome's messages begin."""
    return int(welcome["seq"]) - len(welcome["messages"])
