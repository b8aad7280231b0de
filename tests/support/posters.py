"""People who post all the while, however often their server is replaced; and what they saw."""

from __future__ import annotations

import time
from itertools import count
from threading import Event, Thread
from types import TracebackType
from typing import Self

from websockets.exceptions import WebSocketException

from tests.support.client import Client, Refused
from tests.support.servers import ChatServer

_LOST = (OSError, WebSocketException)
_RETRY_S = 0.02
_PAUSE_S = 0.05  # the rate limits allow somewhat more


class Poster(Client):
    """A client that posts without a break, and posts again what was not acknowledged."""

    def __init__(self, ws_url: str, nick: str) -> None:
        super().__init__(ws_url)
        self.nick = nick
        self.join(nick)
        self.acknowledged_texts: list[str] = []
        self.longest_wait_s = 0.0  # for a new connection with its welcome
        self.resets = 0
        self.close_codes: list[int | None] = []
        self.problem: BaseException | None = None

    def run(self, ended: Event) -> None:
        """Post until told to end; on its own thread."""
        try:
            for number in count():
                text = f"{self.nick} {number}"
                while not self._posted(text, f"{self.nick}-{number}"):
                    self._come_back()
                self.acknowledged_texts.append(text)
                if ended.wait(_PAUSE_S):
                    return
        except BaseException as problem:  # noqa: BLE001 - Posters reports it
            self.problem = problem

    def _posted(self, text: str, post_id: str) -> bool:
        try:
            self.post(text, post_id)
        except _LOST:
            received = self.ws.protocol.close_rcvd
            self.close_codes.append(received.code if received else None)
            return False
        return True

    def _come_back(self) -> None:
        self.ws.close_socket()
        lost_at = time.monotonic()
        while True:
            try:
                self.resets += not self.resume()["resumed"]
                break
            except (*_LOST, Refused):  # the log of the old process is closed already
                assert time.monotonic() - lost_at < 20.0, "nobody lets it in"
                time.sleep(_RETRY_S)  # bounded by the line above
        self.longest_wait_s = max(self.longest_wait_s, time.monotonic() - lost_at)


class Posters:
    """A few posters, for as long as the block lasts."""

    def __init__(self, server: ChatServer, people: int = 5) -> None:
        self._server = server
        self._ended = Event()
        self.people = [Poster(server.ws_url, f"poster{number}") for number in range(people)]
        self._threads = [Thread(target=one.run, args=(self._ended,)) for one in self.people]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        for one in self.people:
            one.ws.close_socket()

    def more(self, posts: int = 5) -> None:
        """Wait until each has had so many more posts acknowledged."""
        wanted = [len(one.acknowledged_texts) + posts for one in self.people]
        while any(
            len(one.acknowledged_texts) < goal and one.problem is None
            for one, goal in zip(self.people, wanted, strict=True)
        ):
            time.sleep(_RETRY_S)  # bounded by the test's timeout

    def check(self, *, within_s: float = 1.0) -> None:
        """Check, after the end, that every post is stored once, and that nobody waited long."""
        assert [one.problem for one in self.people if one.problem] == []
        assert sum(one.resets for one in self.people) == 0
        stored = [message.text for message in self._server.kept()["general"]]
        posted = [text for one in self.people for text in one.acknowledged_texts]
        assert sorted(stored) == sorted(posted)
        for one in self.people:
            mine = [text for text in one.texts() if text.startswith(f"{one.nick} ")]
            assert mine == one.acknowledged_texts
            assert one.longest_wait_s < within_s
