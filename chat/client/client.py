"""One person in one room, for as long as a program likes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from threading import Condition, Thread, current_thread
from time import monotonic
from types import TracebackType
from typing import Any, Self, cast

import msgspec
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from chat.client.address import read_address
from chat.client.events import Event, Reset, State, Status, Stopped, Told, Unknown, read_event
from chat.client.ids import new_id
from chat.client.pauses import Pause, Pauses
from chat.client.questions import Question, Questions
from chat.client.queue import Queue, Settled
from chat.client.room import Disorder, Room, entries_of
from chat.names.keys import new_key
from chat.protocol import (
    Act,
    CloseCode,
    Command,
    Done,
    Edit,
    Edited,
    Ended,
    Error,
    ErrorCode,
    Find,
    Found,
    Gap,
    History,
    Member,
    Message,
    Older,
    Pin,
    Pinned,
    Post,
    Refused,
    Remove,
    Removed,
    Rename,
    Renamed,
    Rules,
    RulesSet,
    Typing,
    Welcome,
    clean_text,
    decode_command,
)

EVENTS_LIMIT = 10_000  # events that nobody has read yet

_OPENING_S = 8.0
_SILENCE_S = 10.0  # from one ping to the next
_ANSWER_S = 8.0  # after a ping; then the connection is given up
_CLOSING_S = 2.0
_LARGEST = 16 * 1024 * 1024  # bytes of one event: a welcome with all that a resume replays
_TYPING_S = 3.0  # from one sign that this member writes to the next
_LEAVING_S = 30.0  # that the end of a `with` block waits for what is not acknowledged
_NICKS_TRIED = 3  # on one connection

#: Refused joins after which the same one may be let in later.
_LATER = {ErrorCode.RATE_LIMITED: "limited", ErrorCode.STORAGE_UNAVAILABLE: "storage"}
#: Reasons of a pause that the server asked for.
_TOLD = frozenset(("abuse", "limited"))
#: Close codes after which there is no coming back.
_FINAL = {CloseCode.REMOVED: "removed", CloseCode.ENDED: "ended"}


class Unsent(Exception):
    """Commands that were not acknowledged when their client was closed: `commands`, in order."""

    def __init__(self, commands: list[Act]) -> None:
        """Give them back."""
        super().__init__(f"{len(commands)} commands were not acknowledged")
        self.commands = commands


class Client:
    """A member in a room, who comes back by itself after whatever happens to the connection.

    Two threads of its own run until `close`: one reads, one writes. All methods may be called on
    any thread, but not the ones that wait (`history`, `find`, `rename`, `wait_joined`, `close`) in
    a callback of a future, which runs on the thread that reads.

    Each entry of the room's log is told once, in order; where that cannot be, a `Reset` says so.
    Commands wait in a queue while there is no connection. Only one is under way at a time, and it
    is sent again with the same id until it is answered: so they are done in order, each once.
    """

    def __init__(
        self,
        url: str,
        nick: str | None = None,
        *,
        room: str | None = None,
        key: str | None = None,
        owner: str | None = None,
    ) -> None:
        """Begin to connect to a chat, or to a room of it, at an address as a browser shows it.

        `key` is the secret that proves a member, from an earlier client's `key`; None: a new
        member. `owner` is a key of the room's owners. Raises AddressError.
        """
        address = read_address(url)
        self.room = address.room if room is None else room
        self.key = new_key() if key is None else key
        self._ws_url = address.ws_url
        # Guards all that follows; it is notified of each change.
        self._changed = Condition()
        self._room = Room(self.room, nick, self.key, address.owner if owner is None else owner)
        self._queue = Queue()
        self._questions = Questions()
        self._typing_s = float("-inf")  # when it was told last
        self._is_typing = False  # and it is to be told again
        self._inbox: deque[Event] = deque()
        self._state = State(Status.CONNECTING)
        self._stopped: Stopped | None = None
        self._ws: ClientConnection | None = None
        self._is_joined = False
        self._woken = False  # do not wait any longer
        # Used by the reading thread alone.
        self._pauses = Pauses()
        self._tried = 0
        self._threads = [
            Thread(target=self._read_on, name="tchat-read", daemon=True),
            Thread(target=self._write_on, name="tchat-write", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close; after a block without an exception, wait 30 seconds for what is under way.

        Raises Unsent for what is not acknowledged then.
        """
        left = self.close(_LEAVING_S if kind is None else 0.0)
        if left and kind is None:
            raise Unsent(left)

    # --- what is known of the room ---------------------------------------------------------

    @property
    def state(self) -> State:
        """Give the newest state."""
        with self._changed:
            return self._state

    @property
    def me(self) -> Member:
        """Give this member. Raises RuntimeError before the first join."""
        with self._changed:
            if self._room.me is None:
                raise RuntimeError("not joined yet")
            return self._room.me

    @property
    def people(self) -> list[Member]:
        """List who is in the room, this member too."""
        with self._changed:
            return list(self._room.people.values())

    @property
    def rules(self) -> Rules:
        """Give what holds in the room."""
        with self._changed:
            return self._room.rules

    @property
    def pin(self) -> Message | None:
        """Give the message that is for all to see."""
        with self._changed:
            return self._room.pin

    @property
    def welcome(self) -> Welcome | None:
        """Give the answer to the newest join: the title, the limits, whether this is an owner."""
        with self._changed:
            return self._room.welcome

    @property
    def waiting(self) -> list[Act]:
        """List the commands that are not acknowledged yet, in order."""
        with self._changed:
            return self._queue.commands

    def wait_joined(self, timeout_s: float | None = None) -> Member:
        """Wait until this client is in the room, and give its member.

        Raises Stopped if it never will be, TimeoutError after `timeout_s` seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_joined or self._stopped, timeout_s)
            if self._stopped is not None:
                raise self._stopped.with_traceback(None)
            if not self._is_joined or self._room.me is None:
                raise TimeoutError(self._state.detail or self._state.reason or "no answer yet")
            return self._room.me

    # --- what is told ----------------------------------------------------------------------

    def events(self) -> Iterator[Event]:
        """Give what happens, one event after the other, and wait for the next one.

        It ends when the client is closed. Raises Stopped when the client cannot come back. All
        iterators of one client share its events: each event is given once.
        """
        while True:
            try:
                yield self.receive()
            except Stopped as stopped:
                if stopped.reason == "closed":
                    return
                raise

    def messages(self) -> Iterator[Message]:
        """Give each message that is posted from now on, this member's own too; as `events`."""
        return (event for event in self.events() if isinstance(event, Message))

    def receive(self, timeout_s: float | None = None) -> Event:
        """Wait for the next event. Raises TimeoutError, and Stopped when none comes any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._inbox or self._stopped, timeout_s)
            if self._inbox:
                return self._inbox.popleft()
            if self._stopped is not None:
                raise self._stopped.with_traceback(None)
            raise TimeoutError("no event")

    # --- what is asked ---------------------------------------------------------------------

    def post(
        self, text: str, *, reply: int | None = None, command_id: str | None = None
    ) -> Future[Message]:
        """Post, perhaps as an answer to the message with the seq `reply`.

        The future has the message once it is stored, or raises Refused. With the `command_id` and
        the key of an earlier post nothing is posted twice. Raises Refused for a text that no
        server takes, Full, and Stopped.
        """
        return self.act(Post(command_id or new_id(), clean_text(text), reply))

    def edit(self, target: int, text: str) -> Future[Edited]:
        """Give one's own message with this seq another text; otherwise as `post`."""
        return self.act(Edit(new_id(), target, clean_text(text)))

    def remove(self, target: int) -> Future[Removed]:
        """Take the message with this seq away; otherwise as `post`."""
        return self.act(Remove(new_id(), target))

    def pin_message(self, target: int | None) -> Future[Pinned]:
        """Show the message with this seq to all, or none (for owners); otherwise as `post`."""
        return self.act(Pin(new_id(), target))

    def act(self, command: Act) -> Future[Any]:
        """Do any command that has an id; the future has its entry, or `Done`.

        Raises Refused for a command with a wrong field, Full, Stopped, and ValueError for an id
        that waits already.
        """
        try:
            text = msgspec.json.encode(command).decode()
        except UnicodeEncodeError:
            raise Refused(ErrorCode.BAD_COMMAND, "That is not Unicode text.") from None
        decode_command(text)
        with self._changed:
            if self._stopped is not None:
                raise self._stopped.with_traceback(None)
            future = self._queue.add(command, text)
            self._changed.notify_all()
        return future

    def history(self, before: int, limit: int = 50, *, timeout_s: float = 30.0) -> Older:
        """Ask for the messages before a seq, oldest first, and wait for them.

        Raises Refused, Full, Stopped, and TimeoutError.
        """
        return cast(Older, self._ask(History(before, limit), timeout_s))

    def find(
        self, words: str, *, before: int | None = None, limit: int = 20, timeout_s: float = 30.0
    ) -> Found:
        """Ask for the messages that have all these words, newest first; otherwise as `history`."""
        return cast(Found, self._ask(Find(words, before, limit), timeout_s))

    def rename(self, nick: str, *, timeout_s: float = 30.0) -> Member:
        """Change the nick, and wait for it; otherwise as `history`."""
        return cast(Renamed, self._ask(Rename(nick), timeout_s)).member

    def typing(self) -> None:
        """Tell that this member writes, at most every three seconds, and only while connected."""
        with self._changed:
            if self._is_joined and monotonic() - self._typing_s >= _TYPING_S:
                self._typing_s = monotonic()
                self._is_typing = True
                self._changed.notify_all()

    def wake(self) -> None:
        """Try again at once if this client waits, unless the server said how long to wait."""
        with self._changed:
            if self._state.reason not in _TOLD:
                self._woken = True
                self._changed.notify_all()

    def close(self, timeout_s: float = 0.0) -> list[Act]:
        """Leave, after so many seconds at most for what is not acknowledged yet.

        Gives the commands that were not acknowledged. A later client with the same key may do
        them again by `act`, and nothing is done twice. Their futures raise Stopped.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or not self._queue.commands, timeout_s)
        self._stop(Stopped("closed"))
        for thread in self._threads:
            if thread is not current_thread():
                thread.join(_CLOSING_S)
        return self.waiting

    # --- the thread that reads -------------------------------------------------------------

    def _read_on(self) -> None:
        try:
            while (pause := self._visit()) is not None:
                self._wait(pause)
        except Stopped as stopped:
            self._stop(stopped)
        except BaseException as problem:
            self._stop(Stopped("failed", f"{type(problem).__name__}: {problem}"))
            raise

    def _wait(self, pause: Pause) -> None:
        with self._changed:
            self._woken = False
            self._become(State(Status.WAITING, pause.reason, pause.detail, pause.seconds))
            self._changed.wait_for(lambda: self._stopped or self._woken, pause.seconds)

    def _visit(self) -> Pause | None:
        """Connect, join and read until the connection ends; give the pause before the next visit.

        None: the client is closed. Raises Stopped when there is no coming back.
        """
        with self._changed:
            if self._stopped is not None:
                return None
            self._become(State(Status.CONNECTING, self._state.reason, self._state.detail))
        try:
            ws = connect(
                self._ws_url,
                compression=None,
                open_timeout=_OPENING_S,
                ping_interval=_SILENCE_S,
                ping_timeout=_ANSWER_S,
                close_timeout=_CLOSING_S,
                max_size=_LARGEST,
                legacy=True,  # its reconnections know nothing of places and pauses
            )
        except InvalidStatus as refused:
            return self._turned_away(refused)
        except (OSError, WebSocketException) as error:
            return self._pauses.next("unreachable", str(error) or type(error).__name__)
        try:
            return self._stay(ws)
        finally:
            ws.close()

    def _turned_away(self, refused: InvalidStatus) -> Pause:
        """Give the pause after a handshake that was refused by HTTP. Raises Stopped."""
        status = refused.response.status_code
        detail = f"HTTP {status} {refused.response.reason_phrase}".rstrip()
        after = refused.response.headers.get("Retry-After", "")
        if status in (429, 503):
            reason = "limited" if status == 429 else "full"
            if after.isdecimal():
                return self._pauses.told(reason, float(after), detail)
            return self._pauses.next(reason, detail)
        if status < 500 and not self._room.was_joined:
            raise Stopped("refused", f"{self._ws_url} is no chat that lets programs in: {detail}")
        return self._pauses.next("unreachable", detail)

    def _stay(self, ws: ClientConnection) -> Pause | None:
        """Read what one connection brings, to its end."""
        joined_s: float | None = None
        self._tried = 0
        pause: Pause | None = None
        try:
            with self._changed:
                if self._stopped is not None:
                    return None
                self._ws = ws
            ws.send(_encoded(self._room.join_command()))
            while pause is None:
                event = read_event(ws.recv())
                pause = self._take(ws, event)
                if joined_s is None and isinstance(event, Welcome):
                    joined_s = monotonic()
        except ConnectionClosed as closed:
            code = None if closed.rcvd is None else closed.rcvd.code
            if (final := _FINAL.get(cast(CloseCode, code))) is not None:
                raise Stopped(final, closed.rcvd.reason if closed.rcvd else "") from None
            pause = self._pauses.after(code, _since(joined_s))
        except Disorder as disorder:
            pause = self._pauses.next("disorder", str(disorder))
        except OSError:
            pause = self._pauses.after(None, _since(joined_s))
        finally:
            with self._changed:
                self._ws = None
                self._is_joined = False
                self._queue.disconnected()
                self._questions.disconnected()
                self._changed.notify_all()
        with self._changed:
            return None if self._stopped is not None else pause

    def _take(self, ws: ClientConnection, event: Told | Unknown | None) -> Pause | None:
        """Take one event; give a pause if the connection is to be left. Raises Disorder."""
        if event is None:
            return None
        if isinstance(event, Error) and not self._is_joined:
            return self._join_refused(ws, event)
        with self._changed:
            settled = self._welcomed(event) if isinstance(event, Welcome) else self._told(event)
            self._changed.notify_all()
        for each in settled:
            each.tell()
        return None

    def _join_refused(self, ws: ClientConnection, error: Error) -> Pause | None:
        """Join with another nick, or give a pause. Raises Stopped."""
        if (reason := _LATER.get(error.code)) is not None:
            if error.retry_after is None:
                return self._pauses.next(reason, error.detail)
            return self._pauses.told(reason, error.retry_after, error.detail)
        if error.code is ErrorCode.NICK_TAKEN and self._room.was_joined and error.suggest:
            # Somebody took the nick while this member was away, and nobody is here to be asked.
            self._tried += 1
            if self._tried > _NICKS_TRIED:
                return self._pauses.next("nick_taken", error.detail)
            self._room.nick = error.suggest
            ws.send(_encoded(self._room.join_command()))
            return None
        raise Stopped(error.code.value, error.detail, error.suggest)

    # --- under the lock --------------------------------------------------------------------

    def _welcomed(self, welcome: Welcome) -> list[Settled]:
        """Take a welcome; give what it settles."""
        events = self._room.enter(welcome)
        self._is_joined = True
        self._become(State(Status.JOINED))
        settled: list[Settled] = []
        for event in events:
            self._tell(event)
            if isinstance(event, Reset) and event.gap in (Gap.LOST, Gap.CHANGED):
                settled += self._queue.lose_targets()
        for entry in filter(self._room.is_mine, entries_of(welcome)):
            settled += self._queue.settle(entry)
        return settled

    def _told(self, event: Told | Unknown) -> list[Settled]:
        """Take any other event; give what it settles."""
        for each in self._room.take(event):
            self._tell(each)
        match event:
            case Message() | Edited() | Removed() | Pinned() | RulesSet():
                return self._queue.settle(event) if self._room.is_mine(event) else []
            case Done():
                return self._queue.settle(event)
            case Ended():
                return self._queue.ended()
            case Error(id=None):
                return self._questions.refuse(event)
            case Error():
                return self._queue.refuse(event, monotonic())
            case Renamed() if self._room.me != event.member:
                return []  # somebody else
            case Older() | Found() | Renamed():
                return self._questions.answer(event)
        return []

    def _tell(self, event: Event) -> None:
        if len(self._inbox) >= EVENTS_LIMIT:
            self._inbox.clear()  # nobody reads: begin again, and say so
            self._inbox.append(Reset(Gap.SKIPPED, (), True))
        self._inbox.append(event)

    def _become(self, state: State) -> None:
        self._state = state
        self._tell(state)
        self._changed.notify_all()

    # --- on the caller's thread ------------------------------------------------------------

    def _ask(self, question: Question, timeout_s: float) -> Any:
        text = _encoded(question)
        decode_command(text)
        with self._changed:
            if self._stopped is not None:
                raise self._stopped.with_traceback(None)
            future = self._questions.add(question, text)
            self._changed.notify_all()
        try:
            return future.result(timeout_s)
        finally:
            with self._changed:
                self._questions.forget(future)

    def _stop(self, stopped: Stopped) -> None:
        """Stop for good, once; on any thread."""
        with self._changed:
            if self._stopped is not None:
                return
            self._stopped = stopped
            self._is_joined = False
            settled = self._queue.give_up(stopped)
            settled += self._questions.give_up(stopped)
            self._become(State(Status.STOPPED, stopped.reason, stopped.detail))
            ws = self._ws
        for each in settled:
            each.tell()
        if ws is not None:
            ws.close()

    # --- the thread that writes ------------------------------------------------------------

    def _write_on(self) -> None:
        while (work := self._next_to_send()) is not None:
            ws, text = work
            try:
                ws.send(text)
            except (ConnectionClosed, OSError):
                pass  # the thread that reads notices it too; all that waits is sent again

    def _next_to_send(self) -> tuple[ClientConnection, str] | None:
        """Wait for something to send; None: the client has stopped."""
        with self._changed:
            while self._stopped is None:
                wait_s: float | None = None
                if self._is_joined and self._ws is not None:
                    if (text := self._questions.next()) is not None:
                        return self._ws, text
                    if self._is_typing:
                        self._is_typing = False
                        return self._ws, _encoded(Typing())
                    now_s = monotonic()
                    if (text := self._queue.next(now_s)) is not None:
                        return self._ws, text
                    due_s = self._queue.due_s()
                    wait_s = None if due_s is None else max(due_s - now_s, 0.001)
                self._changed.wait(wait_s)
        return None


def _since(joined_s: float | None) -> float:
    """Give the seconds for which a connection was joined; 0: it never was."""
    return 0.0 if joined_s is None else monotonic() - joined_s


def _encoded(command: Command) -> str:
    return msgspec.json.encode(command).decode()
