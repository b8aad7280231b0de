"""A client of the wire protocol, over a real WebSocket, that checks everything.

It knows its place in its room's log, by epoch, seq and time, and raises at the first entry that is
not the next one. It keeps a model of what a page shows. Methods that wait for an answer block the
caller's thread. One thread may send while another receives.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from chat.client.ids import new_id
from tests.support.screen import ENTRIES, Screen

Event = dict[str, Any]

WAIT_S = 10.0


class Refused(Exception):
    """An error event that came instead of the expected event."""

    def __init__(self, error: Event) -> None:
        super().__init__(error)
        self.error = error


class PromiseBroken(Exception):
    """An entry or a welcome that contradicts what this client has seen."""


class Place:
    """A place in a room's log: the entries seen so far, and the one that may come next."""

    def __init__(self, room: str = "general") -> None:
        self.room = room
        self.key: str | None = None
        self.member: Event = {}
        self.epoch = ""
        self.seq = 0
        # The server's time of the entry with that seq; None if there is none, or if it is gone.
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
        """Make the command that resumes after the last entry seen."""
        after: Event = {"epoch": self.epoch, "seq": self.seq}
        if self.at is not None:
            after["at"] = self.at
        return self.join_command(nick or self.member["nick"], after=after)

    def _take_in(self, welcome: Event) -> None:
        """Start anew or resume, as the welcome says; then take what it has."""
        self.key, self.member = welcome["key"], welcome["member"]
        gap = welcome.get("gap")
        if welcome["resumed"]:
            if welcome["epoch"] != self.epoch:
                raise PromiseBroken(f"resumed in {welcome['epoch']}, which is not {self.epoch}")
            if gap is not None:
                raise PromiseBroken(f"resumed in spite of a gap: {gap}")
            for entry in entries_of(welcome):
                self._see(entry)
            if self.seq != welcome["seq"]:
                raise PromiseBroken(f"a welcome to {welcome['seq']} that ends at {self.seq}")
        else:
            self._take_newest(welcome)
        self.epoch = welcome["epoch"]
        at = welcome.get("at")
        if self.seq == welcome["seq"] and self.at not in (None, at):
            raise PromiseBroken(f"a welcome to {at} that ends at {self.at}")
        self.seq, self.at = welcome["seq"], at

    def _take_newest(self, welcome: Event) -> None:
        """Take the newest messages of a welcome that does not resume."""
        self.seq, self.at = 0, None
        for message in welcome["messages"]:
            if not self.seq < message["seq"] <= welcome["seq"]:
                raise PromiseBroken(f"{message} after {self.seq}, to {welcome['seq']}")
            self.seq = message["seq"] - 1  # changes may lie between two messages
            self._see(message)

    def _see(self, entry: Event) -> bool:
        """Take the next entry; return False for an older one, which answers a repeated command."""
        if entry["seq"] <= self.seq:
            return False
        if entry["seq"] != self.seq + 1:
            raise PromiseBroken(f"a hole after {self.seq}: {entry}")
        self.seq, self.at = entry["seq"], entry["at"]
        return True


class Client(Place):
    """One browser tab: a key, what it shows, and a connection that it can open again."""

    def __init__(self, ws_url: str, **connect_options: Any) -> None:
        super().__init__()
        self._ws_url = ws_url
        self._connect_options = connect_options
        self.ws: ClientConnection
        self.screen = Screen()
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

    @property
    def messages(self) -> list[Event]:
        """List the messages shown, oldest first."""
        return self.screen.messages

    # --- coming and going --------------------------------------------------------------

    def connect(self) -> None:
        """Open a new WebSocket."""
        # With a limit, a client that has not read enough does not see pongs and the close frame.
        # Its pings would take numbers from the `random` that Hypothesis watches.
        options = {"max_queue": None, "ping_interval": None, **self._connect_options}
        self.ws = connect(self._ws_url, compression=None, legacy=True, max_size=None, **options)

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

    def post(self, text: str, post_id: str | None = None, **fields: Any) -> Event:
        """Post and wait for the acknowledgement. A repeated id posts nothing twice."""
        post_id = post_id or new_id()
        self.send(type="post", id=post_id, text=text, **fields)
        return self.acknowledged(post_id)

    def acknowledged(self, post_id: str) -> Event:
        """Wait for this client's own post to come back as a message."""
        while True:
            event = self.expect("message", id=post_id)
            if event["member"]["id"] == self.member["id"]:
                return event

    def ask(self, kind: str, **fields: Any) -> Event:
        """Send a command and wait for its outcome: an entry, or `done`. Refused means an error."""
        command = {"type": kind, "id": new_id(), **fields}
        self.send(**command)
        ids = (command["id"], command.get("post"))  # what never comes is removed by the post's id
        deadline = time.monotonic() + WAIT_S
        while True:
            event = self.receive(deadline - time.monotonic())
            if event["type"] == "error":
                raise Refused(event)
            mine = event.get("member", self.member)["id"] == self.member["id"]
            outcomes = ("done",) if kind == "erase" else (*ENTRIES, "done")
            if event["type"] in outcomes and event["id"] in ids and mine:
                return event

    def edit(self, target: int, text: str, **fields: Any) -> Event:
        """Give one's own message another text."""
        return self.ask("edit", target=target, text=text, **fields)

    def remove(self, target: int | None = None, **fields: Any) -> Event:
        """Take a message away; with `post`, one's own by the id of its post."""
        return self.ask("remove", **({} if target is None else {"target": target}), **fields)

    def pin(self, target: int | None, **fields: Any) -> Event:
        """Pin a message, or none."""
        return self.ask("pin", target=target, **fields)

    def show_older(self, limit: int = 100) -> bool:
        """Ask for the messages before the first one shown; tell whether there are more."""
        before = self.messages[0]["seq"] if self.screen else self.seq + 1
        self.send(type="history", before=before, limit=limit)
        return bool(self.expect("history", before=before)["more"])

    def refusal(self, **command: Any) -> Event:
        """Send a command and return the error that answers it."""
        self.send(**command)
        return self.expect("error")

    # --- receiving -------------------------------------------------------------------------

    def receive(self, timeout_s: float | None = WAIT_S) -> Event:
        """Receive one event; an entry must be the next one, or one seen before."""
        event: Event = json.loads(self.ws.recv(timeout_s))
        if event["type"] in ENTRIES:
            self._see(event)
        elif event["type"] == "history":
            self.screen.show(event["messages"])
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
        """Give the texts shown, in order."""
        return [message["text"] for message in self.messages]

    def _take_in(self, welcome: Event) -> None:
        if not welcome["resumed"]:
            self.screen.start_again()
        super()._take_in(welcome)
        self.screen.stand_as(welcome)

    def _see(self, entry: Event) -> bool:
        is_new = super()._see(entry)
        if is_new:
            self.screen.take(entry)
        elif entry["type"] == "message" and (known := self.screen.get(entry["seq"])):
            _compare(entry, known)
        return is_new


def entries_of(welcome: Event) -> list[Event]:
    """Give all entries that a welcome has, in order."""
    entries = [*welcome["messages"], *welcome.get("changes", ())]
    return sorted(entries, key=lambda entry: int(entry["seq"]))


def _compare(message: Event, known: Event) -> None:
    """Raise PromiseBroken if a message is not the one that is shown; both are as they were."""
    names = ["id", "member", "at"]
    if not any(each.get("edited") or each.get("removed") for each in (message, known)):
        names.append("text")
    if any(message[name] != known[name] for name in names):
        raise PromiseBroken(f"{message} was {known}")
