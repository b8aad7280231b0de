"""A client that goes on talking when things break, comes back like the page, and keeps notes."""

from __future__ import annotations

import json
import random
import time
from threading import Thread
from typing import Any

from websockets.exceptions import WebSocketException

from chat.client.ids import new_id
from tests.support.client import Client, Event, Refused
from tests.support.history import Kind, Record
from tests.support.pace import Pace
from tests.support.wishes import Wishes

_IN_FLIGHT = 20  # the same as the page's
_BURST = 20  # posts at once, at most
_THINK_S = 1.0  # between two bursts, at most
_TICK_S = 0.05  # how often a talker that receives nothing checks what to do
# The page's timeouts, shortened: silence before a ping, and silence after it.
_SILENCE_S = 0.5
_ANSWER_S = 1.0
_BACKOFF_S = (0.02, 0.1)
_WELCOME_S = 4.0
_CONNECT_S = 4.0

_LOOKED_BACK = 20  # messages asked for at once

_LOST = (OSError, WebSocketException)
_DENIALS = ("target_unknown", "not_yours", "not_owner")
_BECOMES = {"edit": "edited", "remove": "removed", "pin": "pinned"}


class Talker(Client):
    """A tab in the chaos. Its thread, once started, ends when it has seen everything."""

    def __init__(
        self,
        ws_url: str,
        nick: str,
        history: list[Record],
        pace: Pace,
        rng: random.Random,
        room: str = "general",
        *,
        changes: int = 0,
        records: bool = True,
        owner: str | None = None,
        spare: str | None = None,
        **connect_options: Any,
    ) -> None:
        """Connect and join; afterwards anything may break.

        Of a hundred commands, `changes` are no posts. `owner` is a key of the room's owners, who
        leave the pin and the rules alone without `records`. `spare` is such a key for who is kept
        out: where a log was lost, whoever has not spoken since is a newcomer to a locked room.
        """
        self.nick = nick
        self.miss = 0  # commands to miss on purpose, as soon as all its own are answered
        self.in_a_hurry = False  # writes as much as it may once, without pauses
        self.problem: BaseException | None = None  # what ended the talker, if anything
        self._history = history
        self._pace = pace
        self._rng = rng
        self._changes = changes
        self._owner = owner
        self._spare = spare
        self._waiting: dict[str, Event] = {}  # commands without an answer, by id, in their order
        self._in_flight: dict[str, float] = {}  # when those of this connection were sent
        self._asked_s: dict[tuple[str, int | None], float] = {}  # when what is read was asked for
        self._welcome: Event = {"seq": 0}  # the one that is being taken in
        self._joins_at_s = 0.0
        self._writes_at_s = 0.0
        self._heard_at_s = 0.0
        self._pinged = False
        options = {"open_timeout": _CONNECT_S, "ping_interval": None, **connect_options}
        super().__init__(ws_url, **options)
        self._wishes = Wishes(nick, self.screen, rng, changes, records=records)
        self.join(nick, room)
        self._thread = Thread(target=self._run, name=nick)

    def start(self) -> None:
        """Begin to talk."""
        self._thread.start()

    def end(self) -> None:
        """Wait until everything was seen, or the time is up."""
        self._thread.join()
        self.ws.close_socket()

    @property
    def has_everything(self) -> bool:
        """Tell whether it has seen all that there is, once that is known."""
        if self._pace.head is None:
            return False
        # Whoever saw more, or another one, saw what was lost since, and is to be told so.
        return self.seq == self._pace.head and self._pace.at in (None, self.at)

    def join_command(self, nick: str | None = None, **fields: Any) -> Event:
        """Make the command that joins the room, as an owner if it is one."""
        owner = {} if self._owner is None else {"owner": self._owner}
        self._joins_at_s = time.monotonic()
        return super().join_command(nick, **owner, **fields)

    # --- notes for the history; its checker compares them, not this client ---------------

    def _note(self, kind: Kind, command_id: str = "", **fields: Any) -> None:
        name = f"{self.nick}/{command_id}" if command_id else ""
        self._history.append(Record(kind, self.nick, name, time_s=time.monotonic(), **fields))

    def _note_shown(self, what: str, message: Event, asked_s: float, known: int = 0) -> None:
        """Note that a message is shown, and what it quotes."""
        author = f"{message['member']['nick']}/{message['id']}"
        self._history.append(
            Record(
                Kind.SHOWN,
                self.nick,
                author,
                message["seq"],
                message["text"],
                what=what,
                removed=message.get("removed", False),
                known=known,
                asked_s=asked_s,
            )
        )
        self._note_quote(message, asked_s, known)

    def _note_quote(self, message: Event, asked_s: float, known: int) -> None:
        if quote := message.get("reply"):
            fields = {"text": quote.get("text", ""), "removed": quote.get("removed", False)}
            self._note_seen("quote", quote["seq"], asked_s, known=known, **fields)

    def _note_seen(self, what: str, seq: int, asked_s: float, **fields: Any) -> None:
        self._note(Kind.SHOWN, seq=seq, what=what, asked_s=asked_s, **fields)

    def _note_receipt(self, entry: Event) -> None:
        """Note an entry that is given, and what it shows besides."""
        kind, seq, known = entry["type"], entry["seq"], self._welcome["seq"]
        is_mine = entry["member"]["id"] == self.member.get("id")
        asked_s = self._in_flight.get(entry["id"], 0.0) if is_mine else 0.0
        asked_s = self._joins_at_s if known else asked_s if seq <= self.seq else 0.0
        text, removed = entry.get("text"), entry.get("removed", False)
        if kind == "rules":
            text = json.dumps(entry["rules"])
        elif kind == "edited":
            removed = text is None
        self._history.append(
            Record(
                Kind.RECEIPT,
                self.nick,
                f"{entry['member']['nick']}/{entry['id']}",
                seq,
                text or "",
                at=entry["at"],
                what=kind,
                target=entry.get("target") or 0,
                reply=(entry.get("reply") or {}).get("seq", 0),
                removed=removed,
                known=known,
                time_s=time.monotonic(),
                asked_s=asked_s,
            )
        )
        self._note_quote(entry, asked_s, known)
        if kind == "pinned" and entry["target"]:
            if entry.get("message"):
                self._note_shown("pinned", entry["message"], asked_s, known)
            else:
                self._note_seen("pinned", entry["target"], asked_s, removed=True)

    # --- what is given to it ---------------------------------------------------------------

    def _take_in(self, welcome: Event) -> None:
        kind = Kind.RESUME if welcome["resumed"] else Kind.RESET
        self._wishes.is_owner = welcome.get("owner", False)
        self._note(
            kind,
            seq=self.seq if welcome["resumed"] else welcome["seq"],
            epoch=welcome["epoch"],
            what="owner" if self._wishes.is_owner else "",
            seqs=tuple(message["seq"] for message in welcome["messages"]),
        )
        self._welcome = welcome
        super()._take_in(welcome)
        self._welcome = {"seq": 0}
        if pin := welcome.get("pin"):
            self._note_shown("pin", pin, self._joins_at_s)
        else:
            self._note_seen("pin", 0, self._joins_at_s, removed=True)
        if "rules" in welcome:
            rules = json.dumps(welcome["rules"])
            self._note_seen("rules", 0, self._joins_at_s, text=rules)
        if welcome.get("gap") in ("lost", "changed"):
            self._give_up()

    def _take_newest(self, welcome: Event) -> None:
        for message in welcome["messages"]:
            self._note_shown("newest", message, self._joins_at_s)
            self._settle(message)
        self.screen.show(welcome["messages"])
        self.seq, self.at = welcome["seq"], welcome.get("at")

    def _see(self, entry: Event) -> bool:
        self._note_receipt(entry)
        is_new = bool(entry["seq"] > self.seq)
        if is_new:
            self.seq, self.at = entry["seq"], entry["at"]
            self.screen.take(entry)
        self._settle(entry)
        return is_new

    def _settle(self, entry: Event) -> None:
        """Note that an own command is in the log, if it waits for that."""
        if entry["member"]["nick"] != self.nick:
            return
        command = self._waiting.get(entry["id"])
        if command is not None and command["type"] != "erase":  # that is over when it is `done`
            del self._waiting[entry["id"]]
            self._note(Kind.ACKNOWLEDGED, entry["id"], seq=entry["seq"])
            self._answered(entry["id"])
        if entry["type"] == "removed" and entry["target"] is None:
            for other in [each for each in self._waiting.values() if _withdraws(each, entry)]:
                del self._waiting[other["id"]]
                self._answered(other["id"])

    def _answered(self, command_id: str) -> None:
        self._in_flight.pop(command_id, None)
        self._pace.acknowledge()

    def _give_up(self) -> None:
        """Forget commands about messages of a log that is gone."""
        for command in list(self._waiting.values()):
            if command.get("target") or command.get("reply"):
                del self._waiting[command["id"]]
                self._note(Kind.GIVEN_UP, command["id"])
                self._answered(command["id"])

    # --- the conversation, on the talker's own thread --------------------------------------

    def _run(self) -> None:
        self._heard()
        try:
            while not self._pace.time_is_up and not self.has_everything:
                try:
                    self._talk()
                except _LOST:
                    self._note(Kind.DROP)
                    self._come_back()
        except BaseException as problem:  # noqa: BLE001 - the run reports it
            self.problem = problem
            self._pace.stop()  # otherwise the others would wait for its commands

    def _talk(self) -> None:
        """Send what is allowed and take what comes; raises when the connection is lost."""
        if self._leaves():
            raise ConnectionAbortedError("goes away")
        self._act()
        try:
            event = self.receive(_TICK_S)
        except TimeoutError:
            self._doubt()
            return
        match event["type"]:
            case "error":
                self._take_error(event)
            case "done" if self._waiting.pop(event["id"], None) is not None:
                self._note(Kind.ACKNOWLEDGED, event["id"])
                self._answered(event["id"])
            case "history" | "found" as kind:
                asked_s = self._asked_s.pop((kind, event.get("before")), 0.0)
                for message in event["messages"]:
                    self._note_shown(kind, message, asked_s)
        self._heard()

    def _take_error(self, error: Event) -> None:
        """Send a command again that was refused for now; forget one that is denied for good."""
        command_id = error.get("id", "")
        if error["code"] == "storage_unavailable":
            self._in_flight.pop(command_id, None)  # to be sent again
            if command_id:
                self._note(Kind.REFUSED, command_id)
            time.sleep(self._rng.uniform(*_BACKOFF_S))  # bounded by the deadline
            return
        assert error["code"] in _DENIALS, error
        if self._waiting.pop(command_id, None) is not None:
            self._note(Kind.DENIED, command_id, what=error["code"])
            self._answered(command_id)

    def _act(self) -> None:
        if not self.miss and (self.in_a_hurry or time.monotonic() >= self._writes_at_s):
            most = _BURST if self.in_a_hurry else self._rng.randint(1, _BURST)
            self.in_a_hurry = False
            self._writes_at_s = time.monotonic() + self._rng.uniform(0, _THINK_S)
            self._write(min(most, _IN_FLIGHT - len(self._waiting)))
        for command in tuple(self._waiting.values()):
            if command["id"] not in self._in_flight:
                self._note_command(command)
                self._in_flight[command["id"]] = time.monotonic()
                self.send(**command)

    def _write(self, most: int) -> None:
        """Write new commands, as many as are allowed."""
        for _ in range(most):
            if not self._pace.begin():
                return
            luck = self._rng.randrange(400) if self._changes else 100
            if luck < 8 and (post := self._sent_post()) is not None:
                self._take_back(post)
            elif luck == 8:
                self._wait_for({"type": "erase", "id": new_id()})
            else:
                self._wait_for(self._wishes.next())
            if luck >= 390:
                self._look_back()

    def _wait_for(self, command: Event) -> None:
        self._waiting[command["id"]] = command

    def _sent_post(self) -> Event | None:
        """Choose a post of which it does not know whether it is stored."""
        posts = [
            each
            for each in self._waiting.values()
            if each["type"] == "post" and each["id"] in self._in_flight
        ]
        return self._rng.choice(posts) if posts else None

    def _take_back(self, post: Event) -> None:
        """Remove a post by its id; when the connection is lost, the post may follow late."""
        self._wait_for({"type": "remove", "id": new_id(), "post": post["id"]})
        self._wait_for(self._waiting.pop(post["id"]))

    def _look_back(self) -> None:
        """Ask for messages that may be shown already: before one of the newest, or with a word."""
        newest = self.screen.newest(_LOOKED_BACK)
        if newest:
            before = self._rng.choice(newest)["seq"]
            self._asked_s.setdefault(("history", before), time.monotonic())
            self.send(type="history", before=before, limit=_LOOKED_BACK)
        self._asked_s.setdefault(("found", None), time.monotonic())
        self.send(type="find", words="says", limit=_LOOKED_BACK)

    def _note_command(self, command: Event) -> None:
        fields: Event = {"text": command.get("text", "")}
        if command["type"] == "post":
            self._note(Kind.POST, command["id"], reply=command.get("reply", 0), **fields)
            return
        if command["type"] == "rules":
            fields["text"] = json.dumps(
                {name: value for name, value in command.items() if name not in ("type", "id")}
            )
        if post := command.get("post"):
            fields["of"] = f"{self.nick}/{post}"
        target = command.get("target") or 0
        shown = self.screen.get(target)
        if shown is not None and command["type"] != "pin":
            fields["of"] = f"{shown['member']['nick']}/{shown['id']}"
        what = _BECOMES.get(command["type"], command["type"])
        self._note(Kind.CHANGE, command["id"], what=what, target=target, **fields)

    def _heard(self) -> None:
        self._heard_at_s, self._pinged = time.monotonic(), False

    def _doubt(self) -> None:
        """Ping after a silence; raises when no answer comes."""
        silence_s = time.monotonic() - self._heard_at_s
        if silence_s > _SILENCE_S + _ANSWER_S:
            raise ConnectionAbortedError("half-open")
        if silence_s > _SILENCE_S and not self._pinged:
            self._pinged = True
            self.send(type="ping")

    def _leaves(self) -> bool:
        """Tell whether to go away now, which must wait until its commands are answered."""
        return self.miss > 0 and not self._waiting

    def _come_back(self) -> None:
        """Resume as soon as that is possible, with the same key and after what was seen."""
        self.ws.close_socket()
        self._in_flight.clear()
        self._asked_s.clear()
        if self._leaves():
            self._pace.wait_for(self._pace.acknowledged + self.miss)
            self.miss = 0
        while not self._pace.time_is_up:
            try:
                self.resume()
            except (*_LOST, Refused) as error:
                if isinstance(error, Refused) and error.error["code"] == "room_locked":
                    self._owner = self._spare
                self.ws.close_socket()
                time.sleep(self._rng.uniform(*_BACKOFF_S))  # bounded by the deadline
            else:
                self._heard()
                return

    def expect(self, kind: str, timeout_s: float = _WELCOME_S, **fields: Any) -> Event:
        """Wait for less time than other clients, because here connections are often half-open."""
        return super().expect(kind, timeout_s, **fields)


def _withdraws(command: Event, removed: Event) -> bool:
    """Tell whether a command takes back a post that will never be a message."""
    return bool(command["type"] == "remove" and command.get("post") == removed["id"])
