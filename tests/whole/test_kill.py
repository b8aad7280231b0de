"""The promise under SIGKILL: acknowledged messages stay, in one order, each once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from websockets.exceptions import WebSocketException

from tests.support.client import Client
from tests.support.servers import ChatServer

POSTS = 500
KILLS = 10
_GIVE_UP_S = 90.0


def come_back(client: Client) -> None:
    """Resume as soon as the server listens again."""
    deadline = time.monotonic() + _GIVE_UP_S
    while True:
        try:
            client.resume()
        except (OSError, WebSocketException):
            assert time.monotonic() < deadline, "the server did not come back"
            time.sleep(0.02)  # a page's backoff, shortened
        else:
            return


def post_all(client: Client) -> list[int]:
    """Post POSTS messages, ten at a time, until each is acknowledged; give their seqs."""
    seqs: dict[str, int] = {}
    while len(seqs) < POSTS:
        ids = [f"k{n}" for n in range(POSTS) if f"k{n}" not in seqs][:10]
        try:
            for post_id in ids:
                client.send(type="post", id=post_id, text=f"text of {post_id}")
            for post_id in ids:
                seqs[post_id] = client.acknowledged(post_id)["seq"]
        except (OSError, WebSocketException, TimeoutError):
            come_back(client)
            for message in client.messages:  # some were committed, and came with the resume
                seqs[message["id"]] = message["seq"]
    return [seqs[f"k{n}"] for n in range(POSTS)]


def watch(client: Client, done: threading.Event) -> None:
    """Follow the room until it has all posts."""
    while len(client.messages) < POSTS and not done.is_set():
        try:
            client.expect("message", timeout_s=1.0)
        except TimeoutError:
            continue
        except (OSError, WebSocketException):
            come_back(client)


def test_500_posts_and_ten_kills_lose_and_repeat_nothing(
    make_server: Callable[..., ChatServer],
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.start()
    rng = random.Random(20251017)
    with Client(server.ws_url) as poster, Client(server.ws_url) as watcher:
        poster.join("Poster")
        watcher.join("Watcher")
        seqs: list[int] = []
        done = threading.Event()
        posting = threading.Thread(target=lambda: seqs.extend(post_all(poster)))
        watching = threading.Thread(target=watch, args=(watcher, done))
        posting.start()
        watching.start()
        try:
            for number in range(KILLS):
                # Wait for progress, so that every kill happens during the conversation.
                goal = (number + 1) * POSTS // (KILLS + 2) + rng.randrange(5)
                while poster.seq < goal and posting.is_alive():
                    time.sleep(0.001)  # bounded by the posting thread, which gives up by itself
                server.kill()
                server.start()
            posting.join(_GIVE_UP_S)
            watching.join(_GIVE_UP_S)
        finally:
            done.set()
            posting.join()
            watching.join()
        assert len(seqs) == POSTS
        assert sorted(seqs) == list(range(1, POSTS + 1))
        assert [message["seq"] for message in watcher.messages] == list(range(1, POSTS + 1))
        rows = [(message.id, message.text) for message in server.kept()["general"]]
        assert rows == [(message["id"], message["text"]) for message in watcher.messages]
        assert {row[0] for row in rows} == {f"k{n}" for n in range(POSTS)}
