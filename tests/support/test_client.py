"""The client notices a welcome that contradicts what it has seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest
from websockets.sync.server import ServerConnection, serve

from tests.support.client import Client, Event, PromiseBroken

_ANN = {"id": "a", "nick": "Ann"}


def at(seq: int, day: int = 1) -> str:
    return f"2026-01-{day:02}T00:00:00.{seq:03}Z"


def message(seq: int, day: int = 1) -> Event:
    """Make the message with a seq, as it was said on some day."""
    said = {"id": f"p{seq}", "member": _ANN, "text": f"{seq}"}
    return {"type": "message", "seq": seq, **said, "at": at(seq, day)}


def welcome(*messages: Event, **fields: Any) -> Event:
    """Make a welcome that ends with the last of these messages."""
    last = messages[-1] if messages else {"seq": 0}
    event = {"type": "welcome", "epoch": "e", "member": _ANN, "key": "k", "resumed": False}
    return {**event, "seq": last["seq"], "at": last.get("at"), "messages": messages, **fields}


@pytest.fixture
def told() -> Iterator[Callable[..., Client]]:
    """Make clients whose server gives these welcomes, one for each connection."""
    welcomes: list[Event] = []

    def answer(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(json.dumps(welcomes.pop(0)))
        connection.recv()  # until the client closes

    clients: list[Client] = []
    with serve(answer, "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()

        def told(*events: Event) -> Client:
            welcomes.extend(events)
            clients.append(Client(f"ws://127.0.0.1:{server.socket.getsockname()[1]}"))
            clients[-1].join("Ann")
            return clients[-1]

        yield told
        for client in clients:
            client.ws.close()
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "again",
    [
        welcome(message(3), resumed=True, epoch="other"),
        welcome(message(3), resumed=True, gap="skipped"),
        welcome(message(4), resumed=True),  # a hole
        welcome(resumed=True, seq=2, at=at(2, day=2)),  # another history
        welcome(resumed=True, seq=1, at=at(1)),
        welcome(message(3), at=at(3, day=2)),
    ],
)
def test_false_welcome_is_noticed(told: Callable[..., Client], again: Event) -> None:
    client = told(welcome(message(1), message(2)), again)
    client.ws.close()
    with pytest.raises(PromiseBroken):
        client.resume()


def test_true_welcomes_are_taken(told: Callable[..., Client]) -> None:
    client = told(
        welcome(message(1), message(2)),
        welcome(resumed=True, seq=2, at=at(2)),
        welcome(message(3), resumed=True),
        welcome(message(1), message(2, day=2), gap="lost"),
        welcome(seq=45, at=at(45), gap="skipped"),  # all messages are gone
    )
    places = [(client.seq, client.at)]
    for _ in range(4):
        client.ws.close()
        client.resume()
        places.append((client.seq, client.at))
    assert places == [(2, at(2)), (2, at(2)), (3, at(3)), (2, at(2, day=2)), (45, at(45))]
