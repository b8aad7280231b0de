"""The promise under SIGKILL: acknowledged messages stay, in one order, each once."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import ExitStack
from itertools import chain

from chat.client import Client, Reset
from chat.protocol import Message
from tests.support.servers import ChatServer
from tests.support.waiting import wait_until

POSTERS = 10  # each has one post under way
POSTS = 50  # of each
ALL = POSTERS * POSTS
KILLS = 10
_GIVE_UP_S = 90.0


def newest(watcher: Client, messages: list[Message]) -> int:
    """Take what the watcher was told; give the newest seq. A reset after the first is a failure."""
    while True:
        try:
            event = watcher.receive(0)
        except TimeoutError:
            return len(messages)
        if isinstance(event, Reset):
            assert (event.gap, messages) == (None, [])
        elif isinstance(event, Message):
            messages.append(event)


def test_500_posts_and_ten_kills_lose_and_repeat_nothing(
    make_server: Callable[..., ChatServer],
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.start()
    rng = random.Random(20251017)
    with ExitStack() as stack:
        watcher = stack.enter_context(Client(server.url, "Watcher"))
        posters = [
            stack.enter_context(Client(server.url, f"Poster {number}")) for number in range(POSTERS)
        ]
        messages: list[Message] = []
        for client in (watcher, *posters):
            client.wait_joined(_GIVE_UP_S)
        futures = [
            [one.post(f"text {n} of {number}", command_id=f"k{number}-{n}") for n in range(POSTS)]
            for number, one in enumerate(posters)
        ]
        for number in range(KILLS):
            # Wait for progress, so that every kill happens during the conversation.
            goal = (number + 1) * ALL // (KILLS + 2) + rng.randrange(5)
            wait_until(lambda goal=goal: newest(watcher, messages) >= goal, server.log)
            server.kill()
            server.start()
            for client in (watcher, *posters):
                client.wake()
        acknowledged = [[each.result(_GIVE_UP_S) for each in of_one] for of_one in futures]
        wait_until(lambda: newest(watcher, messages) >= ALL, server.log)
    assert [message.seq for message in messages] == list(range(1, ALL + 1))
    assert server.kept()["general"] == messages
    assert sorted(chain(*acknowledged), key=lambda message: message.seq) == messages
    for number, of_one in enumerate(acknowledged):
        assert [message.id for message in of_one] == [f"k{number}-{n}" for n in range(POSTS)]
        assert [message.text for message in of_one] == [
            f"text {n} of {number}" for n in range(POSTS)
        ]
        seqs = [message.seq for message in of_one]
        assert seqs == sorted(seqs)  # in the order in which they were written
