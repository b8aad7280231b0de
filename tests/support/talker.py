"""A client that goes on talking when things break, comes back like the page, and keeps notes."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from itertools import count
from threading import Condition, Thread
from typing import Any

from websockets.exceptions import WebSocketException

from tests.support.client import Client, Event, Refused, seq_before
from tests.support.history import Kind, Record
from tests.support.ids import new_id

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

_LOST = (OSError, WebSocketException)


class Pace:
    """How many posts there may be so far, and how many were acknowledged."""

    def __init__(self, messages: int, deadline_s: float) -> None:
        """Prepare; `deadline_s` is the end of the conversation, on the monotonic clock."""
        self.messages = messages
        self._deadline_s = deadline_s
        # Guards the counts below, and tells when they change.
        self._changed = Condition()
        self._allowed = 0
        self._begun = 0
        self._acknowledged = 0
        self.head: int | None = None  # seq of the last message, once all are acknowledged
        self.at: str | None = None  # its time, if that is to be looked at

    @property
    def time_is_up(self) -> bool:
        """Tell whether the deadline has passed."""
        return time.monotonic() >= self._deadline_s

    def stop(self, within_s: float = 0.0) -> None:
        """End the conversation now, or soon."""
        with self._changed:
            self._deadline_s = min(self._deadline_s, time.monotonic() + within_s)
            self._changed.notify_all()

    @property
    def acknowledged(self) -> int:
        """Count the posts that are acknowledged."""
        with self._changed:
            return self._acknowledged

    def allow(self, posts: int) -> None:
        """Allow so many posts altogether, by all talkers."""
        with self._changed:
            self._allowed = min(posts, self.messages)

    def enough(self) -> int:
        """Allow no more posts; give how many were begun."""
        with self._changed:
            self.messages = self._allowed = self._begun
            return self._begun

    def begin(self) -> bool:
        """Ask for permission for one new post."""
        with self._changed:
            free = self._begun < self._allowed
            self._begun += free
            return free

    def acknowledge(self) -> None:
        """Count one more acknowledged post."""
        with self._changed:
            self._acknowledged += 1
            self._changed.notify_all()

    def wait_for(self, posts: int) -> bool:
        """Wait until so many posts, or all, are acknowledged; return False if the time is up."""
        goal = min(posts, self.messages)
        with self._changed:
            self._changed.wait_for(
                lambda: self._acknowledged >= goal or self.time_is_up,
                self._deadline_s - time.monotonic(),
            )
            return self._acknowledged >= goal


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
        **connect_options: Any,
    ) -> None:
        """Connect and join; afterwards anything may break."""
        self.nick = nick
        self.miss = 0  # messages to miss on purpose, as soon as all its posts are acknowledged
        self.in_a_hurry = False  # writes as much as it may once, without pauses
        self.problem: BaseException | None = None  # what ended the talker, if anything
        self._history = history
        self._pace = pace
        self._rng = rng
        self._numbers: Iterator[int] = count(1)
        self._unacknowledged: dict[str, str] = {}  # id: text, in the order of writing
        self._in_flight: set[str] = set()
        self._writes_at_s = 0.0
        self._heard_at_s = 0.0
        self._pinged = False
        options = {"open_timeout": _CONNECT_S, "ping_interval": None, **connect_options}
        super().__init__(ws_url, **options)
        self.join(nick, room)
        self._thread = Thread(target=self._run, name=nick)

    def start(self) -> None:
        """Begin to talk."""
        self._thread.start()

    def end(self) -> None:
        """Wait until everything was seen, or the time is up."""
        self._thread.join()
        self.ws.close_socket()

    # --- notes for the history; its checker compares them, not this client ---------------

    def _note(
        self, kind: Kind, post_id: str = "", seq: int = 0, text: str = "", epoch: str = ""
    ) -> None:
        self._history.append(Record(kind, self.nick, post_id, seq, text, epoch))

    def _take_in(self, welcome: Event) -> None:
        kind = Kind.RESUME if welcome["resumed"] else Kind.RESET
        self._note(kind, seq=seq_before(welcome), epoch=welcome["epoch"])
        super()._take_in(welcome)

    def _see(self, message: Event) -> bool:
        author, post_id, seq = message["member"]["nick"], message["id"], message["seq"]
        self._history.append(
            Record(
                Kind.RECEIPT,
                self.nick,
                f"{author}/{post_id}",
                seq,
                message["text"],
                at=message["at"],
            )
        )
        is_new = seq > self.seq
        if is_new:
            self.seq, self.at = seq, message["at"]
        if author == self.nick and self._unacknowledged.pop(post_id, None) is not None:
            self._in_flight.discard(post_id)
            self._note(Kind.ACKNOWLEDGED, f"{author}/{post_id}", seq)
            self._pace.acknowledge()
        return is_new

    # --- the conversation, on the talker's own thread --------------------------------------

    def _run(self) -> None:
        self._heard()
        try:
            while not self._pace.time_is_up and not self._has_everything():
                try:
                    self._talk()
                except _LOST:
                    self._note(Kind.DROP)
                    self._come_back()
        except BaseException as problem:  # noqa: BLE001 - the run reports it
            self.problem = problem
            self._pace.stop()  # otherwise the others would wait for its posts

    def _has_everything(self) -> bool:
        if self._pace.head is None:
            return False
        # Whoever saw more, or another one, saw what was lost since, and is to be told so.
        return self.seq == self._pace.head and self._pace.at in (None, self.at)

    def _talk(self) -> None:
        """Post what is allowed and take what comes; raises when the connection is lost."""
        if self._leaves():
            raise ConnectionAbortedError("goes away")
        self._post()
        try:
            event = self.receive(_TICK_S)
        except TimeoutError:
            self._doubt()
            return
        if event["type"] == "error":
            assert event["code"] == "storage_unavailable", event
            self._in_flight.discard(event.get("id", ""))  # to be sent again
            self._note(Kind.REFUSED, f"{self.nick}/{event.get('id')}")
            time.sleep(self._rng.uniform(*_BACKOFF_S))  # bounded by the deadline
        self._heard()

    def _post(self) -> None:
        if not self.miss and (self.in_a_hurry or time.monotonic() >= self._writes_at_s):
            most = _BURST if self.in_a_hurry else self._rng.randint(1, _BURST)
            self.in_a_hurry = False
            self._writes_at_s = time.monotonic() + self._rng.uniform(0, _THINK_S)
            self._write(min(most, _IN_FLIGHT - len(self._unacknowledged)))
        for post_id, text in tuple(self._unacknowledged.items()):
            if post_id not in self._in_flight:
                self._in_flight.add(post_id)
                self._note(Kind.POST, f"{self.nick}/{post_id}", text=text)
                self.send(type="post", id=post_id, text=text)

    def _write(self, most: int) -> None:
        """Write new posts, as many as are allowed."""
        for _ in range(most):
            if self._pace.begin():
                self._unacknowledged[new_id()] = f"{self.nick} says {next(self._numbers)}"

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
        """Tell whether to go away now, which must wait until its posts are acknowledged."""
        return self.miss > 0 and not self._unacknowledged

    def _come_back(self) -> None:
        """Resume as soon as that is possible, with the same key and after what was seen."""
        self.ws.close_socket()
        self._in_flight.clear()
        if self._leaves():
            self._pace.wait_for(self._pace.acknowledged + self.miss)
            self.miss = 0
        while not self._pace.time_is_up:
            try:
                self.resume()
            except (*_LOST, Refused):
                self.ws.close_socket()
                time.sleep(self._rng.uniform(*_BACKOFF_S))  # bounded by the deadline
            else:
                self._heard()
                return

    def expect(self, kind: str, timeout_s: float = _WELCOME_S, **fields: Any) -> Event:
        """Wait for less time than other clients, because here connections are often half-open."""
        return super().expect(kind, timeout_s, **fields)
