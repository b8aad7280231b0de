"""A crowd of pages on one thread: each joins, follows its room, and comes back after a cut.

The pages compare what they see: in a room, each seq must be the same message for all. Client would
need a thread for each page, and there are a thousand pages beside a server on the same two cores.
"""

from __future__ import annotations

import asyncio
import json
import resource
import secrets
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from chat.client.ids import new_id
from tests.support.client import Event, Place
from tests.support.frames import CLOSE, FIN, NO_CHANGE, PING, PONG, TEXT, frame, upgrade

WAIT_S = 30.0
_ABORTED = 1006  # RFC 6455's word for an end without a close frame
_REMEMBERED = 20_000  # messages of a room: more than any page may miss

T = TypeVar("T")


class NotAdmitted(Exception):
    """An upgrade that was refused, and the status that came instead."""


class Transcript:
    """The message of each seq in each room, as far as any page has seen it."""

    def __init__(self) -> None:
        self._ids: dict[str, dict[int, str]] = {}
        self._seqs: dict[str, dict[str, int]] = {}

    def note(self, room: str, message: Event) -> None:
        """Note what a page was shown, and raise if another page saw something else."""
        seq, name = int(message["seq"]), f"{message['member']['id']}/{message['id']}"
        ids, seqs = self._ids.setdefault(room, {}), self._seqs.setdefault(room, {})
        known = ids.setdefault(seq, name)
        assert known == name, f"{room} {seq} is {known} for others, and {name} here"
        assert seqs.setdefault(name, seq) == seq, f"{room}: {name} is {seqs[name]} and {seq}"
        if len(ids) > _REMEMBERED:
            oldest = next(iter(ids))
            seqs.pop(ids.pop(oldest))

    def head(self, room: str) -> int:
        """Give the newest seq that any page has seen."""
        return max(self._ids.get(room, {0: ""}))


class Page(Place):
    """One page of the crowd; raises at the first message that is not the next one."""

    def __init__(
        self, port: int, number: int, transcript: Transcript, *, room: str = "general"
    ) -> None:
        super().__init__(room)
        self._port = port
        self.nick = f"page {number}"  # under which it comes, and comes back
        self._transcript = transcript
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None
        self.key = secrets.token_urlsafe(16)
        self.welcome: Event = {}
        self.waiting: dict[str, str] = {}  # posts not acknowledged yet: id, text
        self.acknowledged: dict[str, int] = {}  # id, seq
        self._acknowledged = asyncio.Event()
        self.errors: list[Event] = []
        self.close_payload = b""

    # --- coming and going --------------------------------------------------------------

    async def enter(self) -> None:
        """Open a WebSocket, and join or resume. Posts that were not acknowledged are sent again."""
        async with asyncio.timeout(WAIT_S):
            await self._open()
            nick = self.nick
            self.command(**self.resume_command(nick) if self.epoch else self.join_command(nick))
            while (event := await self._event()) and event["type"] != "welcome":
                assert event["type"] != "error", event
            if event is None:
                raise ConnectionResetError("closed before the welcome")
        self._take_in(event)
        for post_id, text in self.waiting.items():
            self.command(type="post", id=post_id, text=text)

    async def _open(self) -> None:
        await self.end()
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(upgrade(self._port))
        try:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:
            raise ConnectionResetError("closed during the handshake") from None
        if not head.startswith("HTTP/1.1 101 "):
            raise NotAdmitted(head.split()[1])

    def _take_in(self, welcome: Event) -> None:
        self.welcome = welcome
        super()._take_in(welcome)

    def drop(self) -> None:
        """Break the connection off, as a lost network does."""
        if self._writer is not None:
            self._writer.transport.abort()

    async def end(self) -> None:
        """Let go of the socket, if there is one."""
        if self._writer is not None:
            self._writer.transport.abort()
            try:
                await self._writer.wait_closed()
            except ConnectionError:
                pass  # broken off by the server
            self._writer = None

    def leave(self) -> None:
        """Close the connection as a closed page does."""
        self._frame(b"\x03\xe9", CLOSE)

    # --- talking -------------------------------------------------------------------------

    def command(self, **fields: Any) -> None:
        """Send a command."""
        self._frame(json.dumps(fields).encode(), TEXT)

    def post(self, text: str) -> None:
        """Post, and keep the text until it is acknowledged."""
        post_id = new_id()
        self.waiting[post_id] = text
        self.command(type="post", id=post_id, text=text)

    async def until_acknowledged(self) -> None:
        """Wait until no post waits. `follow` must run meanwhile."""
        async with asyncio.timeout(WAIT_S):
            while self.waiting:
                self._acknowledged.clear()
                await self._acknowledged.wait()

    def _frame(self, payload: bytes, opcode: int) -> None:
        assert self._writer is not None
        self._writer.write(frame(FIN | opcode, payload, mask=NO_CHANGE))

    # --- following -------------------------------------------------------------------------

    async def follow(self, *, answers: bool = True) -> int:
        """Take the events until the connection ends; give the close code.

        A page that `answers` closes its side when the server asks; another one does nothing.
        """
        try:
            while (event := await self._event()) is not None:
                if event["type"] == "message":
                    self._see(event)
                elif event["type"] == "error":
                    self.errors.append(event)
        except (asyncio.IncompleteReadError, ConnectionError):
            return _ABORTED
        if answers:
            self._frame(self.close_payload, CLOSE)
            assert self._writer is not None
            self._writer.close()
        return int.from_bytes(self.close_payload[:2])

    async def _event(self) -> Event | None:
        """Read one event; None at a close frame."""
        while True:
            first, size = await self._reader.readexactly(2)
            if size == 126:
                size = int.from_bytes(await self._reader.readexactly(2))
            elif size == 127:
                size = int.from_bytes(await self._reader.readexactly(8))
            payload = await self._reader.readexactly(size)
            if first == FIN | TEXT:
                event: Event = json.loads(payload)
                return event
            if first == FIN | CLOSE:
                self.close_payload = payload
                return None
            assert first == FIN | PING, first
            self._frame(payload, PONG)

    def _see(self, message: Event) -> bool:
        if message["member"]["id"] == self.member["id"]:
            self.waiting.pop(message["id"], None)
            self.acknowledged[message["id"]] = message["seq"]
            self._acknowledged.set()
        is_new = super()._see(message)
        self._transcript.note(self.room, message)
        return is_new


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a crowd, after raising the limit of open files as far as possible."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # On a thread of its own, because Playwright has an event loop on the main one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result()
