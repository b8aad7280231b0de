"""The client at servers that say what Tchat's does not say today: a newer one, or a wrong one."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from websockets.sync.server import Request, Response, Server, ServerConnection, serve

from chat.client import Client, Reset, State
from chat.protocol import Gap, Message, Refused

_WITHIN_S = 60.0
_ANN = {"id": "a" * 22, "nick": "Ann"}


def welcome(seq: int, **fields: Any) -> dict[str, Any]:
    limits = {"retention_messages": 100}
    place = {"room": "general", "epoch": "e", "seq": seq, "at": time_of(seq), "limits": limits}
    people = {"member": _ANN, "key": "k" * 32, "members": [_ANN]}
    what = {"messages": [], "more": False, "resumed": False, **fields}
    return {"type": "welcome", "protocol": 1, **place, **people, **what}


def time_of(seq: int) -> str:
    return f"2026-01-01T12:00:00.{seq:03}Z"


def message(seq: int) -> dict[str, Any]:
    ben = {"id": "b" * 22, "nick": "Ben"}
    said = {"member": ben, "text": f"text {seq}", "at": time_of(seq)}
    return {"type": "message", "seq": seq, "id": f"b-{seq}", **said}


@contextmanager
def served(
    play: Callable[[ServerConnection, int, dict[str, Any]], None],
    first: Callable[[ServerConnection, Request], Response | None] | None = None,
) -> Iterator[str]:
    """Serve a play, which gets the connection, its number and its join; give the address."""
    visits = 0

    def handle(connection: ServerConnection) -> None:
        nonlocal visits
        visits += 1
        play(connection, visits, json.loads(connection.recv()))
        deque(connection, maxlen=0)  # until the client leaves

    server: Server = serve(handle, "127.0.0.1", 0, process_request=first)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/ws"
    finally:
        server.shutdown()
        thread.join()


def say(connection: ServerConnection, *events: dict[str, Any]) -> None:
    for event in events:
        connection.send(json.dumps(event))


def told(client: Client, until: int) -> list[object]:
    """Read the events but the states, up to the message with a seq."""
    events: list[object] = []
    while not (events and isinstance(events[-1], Message) and events[-1].seq == until):
        if not isinstance(event := client.receive(_WITHIN_S), State):
            events.append(event)
    return events


def seqs(events: list[object]) -> list[int]:
    return [event.seq for event in events if isinstance(event, Message)]


def test_what_is_newer_is_ignored_and_counted() -> None:
    def play(connection: ServerConnection, _: int, __: dict[str, Any]) -> None:
        say(connection, welcome(1, wonder="new", gap="a new word"), message(2))
        say(connection, {"type": "wave"}, {"type": "praised", "seq": 3, "at": time_of(3)})
        say(connection, ["no", "event"], message(4))
        connection.send("no JSON")
        post = json.loads(connection.recv())
        error = {"type": "error", "code": "too_loud", "detail": "Hush.", "command": "post"}
        say(connection, {**error, "id": post["id"]}, message(5))

    with served(play) as url, Client(url, "Ann") as ann:
        assert seqs(told(ann, 4)) == [2, 4]
        refused = ann.post("HELLO").exception(_WITHIN_S)
        assert isinstance(refused, Refused)
        assert refused.detail == "Hush."
        assert seqs(told(ann, 5)) == [5]


def test_what_is_refused_for_now_is_sent_again_before_what_is_behind_it() -> None:
    posts = []

    def play(connection: ServerConnection, _: int, __: dict[str, Any]) -> None:
        say(connection, welcome(1))
        for code in ("storage_unavailable", "too_soon", "rate_limited"):
            posts.append(post := json.loads(connection.recv()))
            error = {"type": "error", "code": code, "detail": "Later.", "command": "post"}
            say(connection, {**error, "id": post["id"], "retry_after": 0.1})
        for seq in (2, 3):
            posts.append(post := json.loads(connection.recv()))
            mine = {"id": post["id"], "member": _ANN, "text": post["text"]}
            say(connection, {**message(seq), **mine})

    with served(play) as url, Client(url, "Ann") as ann:
        futures = [ann.post("one"), ann.post("two")]
        assert [future.result(_WITHIN_S).seq for future in futures] == [2, 3]
    assert [post["text"] for post in posts] == ["one"] * 4 + ["two"]
    assert len({post["id"] for post in posts}) == 2


def test_hole_is_not_told_but_closed_by_a_new_join() -> None:
    joins = []

    def play(connection: ServerConnection, visit: int, join: dict[str, Any]) -> None:
        joins.append(join["after"])
        if visit == 1:
            say(connection, welcome(1), message(2), message(4))
        elif visit == 2:  # it says that this resumes, but one entry is missing
            say(connection, welcome(4, resumed=True, messages=[message(4)]))
        else:
            newest = [message(3), message(4)]
            say(connection, welcome(4, gap="skipped", messages=newest), message(5))

    with served(play) as url, Client(url, "Ann") as ann:
        assert seqs(told(ann, 2)) == [2]
        events = told(ann, 5)
    (reset,) = [event for event in events if isinstance(event, Reset)]
    assert ([m.seq for m in reset.messages], reset.gap) == ([3, 4], Gap.SKIPPED)
    assert seqs(events) == [5]
    assert joins == [None, {"epoch": "e", "seq": 2, "at": time_of(2)}, None]


def test_retry_after_of_a_refused_handshake_is_obeyed() -> None:
    asked = []

    def refuse_once(connection: ServerConnection, _: Request) -> Response | None:
        asked.append(None)
        if len(asked) > 1:
            return None
        response = connection.respond(503, "full")
        response.headers["Retry-After"] = "1"
        return response

    def play(connection: ServerConnection, _: int, __: dict[str, Any]) -> None:
        say(connection, welcome(1))

    with served(play, refuse_once) as url, Client(url, "Ann") as ann:
        while (state := ann.receive(_WITHIN_S)) and not (
            isinstance(state, State) and state.retry_s
        ):
            pass
        assert (state.reason, state.detail) == ("full", "HTTP 503 Service Unavailable")
        assert 1.0 <= state.retry_s <= 1.5
        ann.wait_joined(_WITHIN_S)
