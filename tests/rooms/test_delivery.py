"""Joining and coming back: a page gets exactly what it missed, once, or an explicit reset."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from queue import SimpleQueue

import pytest

from chat.client.ids import new_id
from chat.log import Recent, StorageUnavailable
from chat.log.sqlite import SQLiteLog
from chat.protocol import Message, rfc3339
from chat.rooms.delivery import Delivery
from chat.rooms.registry import Registry
from tests.support.client import WAIT_S, Client
from tests.support.logs import Past, fill
from tests.support.raw import RawPeer
from tests.support.servers import ChatServer


@pytest.fixture
def server(make_server: Callable[..., ChatServer]) -> ChatServer:
    server = make_server(settings={"CHAT_LIMITS": "off"})
    server.start()
    return server


def post_many(client: Client, count: int) -> None:
    """Post without waiting after each one; return when the last is acknowledged."""
    last = ""
    for number in range(count):
        last = new_id()
        client.send(type="post", id=last, text=f"{client.member['nick']} {number}")
    if last:
        client.acknowledged(last)


@pytest.mark.parametrize("missed", [0, 1, 499, 500])
def test_resume_gives_exactly_what_was_missed(server: ChatServer, missed: int) -> None:
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob:
        bob.join("Bob")
        ann.join("Ann")
        ann.post("seen by both")
        bob.expect("message")
        bob.ws.close()
        post_many(ann, missed)
        welcome = bob.resume()
        assert welcome["resumed"] is True
        assert len(welcome["messages"]) == missed
        assert bob.messages == ann.messages
        ann.post("live again")
        bob.expect("message", text="live again")
        assert bob.messages == ann.messages


def test_more_than_500_missed_is_a_reset_with_the_last_50(server: ChatServer) -> None:
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob:
        bob.join("Bob")
        ann.join("Ann")
        bob.ws.close()
        post_many(ann, 501)
        welcome = bob.resume()
        assert welcome["resumed"] is False
        assert welcome["more"] is True
        assert bob.messages == ann.messages[-50:]


def test_resume_that_is_larger_than_the_outbox_arrives_whole(
    make_server: Callable[..., ChatServer],
) -> None:
    server = make_server(settings={"CHAT_LIMITS": "off", "CHAT_OUTBOX_BYTES": "65536"})
    server.start()
    with Client(server.ws_url) as ann, ExitStack() as stack:
        ann.join("Ann")
        for _ in range(400):
            ann.post("\U0001f600" * 2000)  # 3 MB: more than the kernel takes at once
        bob = stack.enter_context(RawPeer(server, receive_buffer=4096)).open()
        bob.command(type="join", after={"epoch": ann.epoch, "seq": 0})
        bob.sock.recv(1, socket.MSG_PEEK)
        ann.post("while the welcome is under way")
        welcome = bob.event("welcome")
        assert welcome["resumed"] is True
        assert [message["seq"] for message in welcome["messages"]] == list(range(1, 401))
        assert bob.event("message")["seq"] == 401


def test_first_join_gives_the_last_50(server: ChatServer) -> None:
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob, Client(server.ws_url) as eve:
        ann.join("Ann")
        post_many(ann, 50)
        assert bob.join("Bob")["more"] is False
        assert bob.messages == ann.messages
        ann.post("one more")
        assert eve.join("Eve")["more"] is True
        assert eve.messages == ann.messages[-50:]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_restarted_server_resumes(server: ChatServer, end: str) -> None:
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob:
        ann.join("Ann")
        bob.join("Bob")
        post_many(ann, 20)
        bob.expect("message", seq=20)
        bob.ws.close()
        last = ann.post("just before")
        getattr(server, end)()
        server.start()
        assert ann.resume()["messages"] == []
        assert bob.resume()["messages"] == [last]
        assert ann.post("after")["seq"] == 22
        bob.expect("message", seq=22)
        assert bob.messages == ann.messages


@pytest.mark.embedded
def test_replaced_database_is_an_explicit_reset(server: ChatServer) -> None:
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        post_many(ann, 3)
        server.stop()
        server.database.unlink()
        server.start()
        old_epoch = ann.epoch
        welcome = ann.resume()
        assert welcome["resumed"] is False
        assert welcome["epoch"] != old_epoch
        assert (welcome["messages"], welcome["seq"]) == ([], 0)


@pytest.mark.embedded
def test_log_put_back_from_a_copy_is_an_explicit_reset(server: ChatServer) -> None:
    with Client(server.ws_url) as ann:
        ann.join("Ann")
        ann.post("in the copy")
        server.stop()
        copy = server.database.read_bytes()
        server.start()
        ann.resume()
        ann.post("not in the copy")
        server.stop()
        server.database.write_bytes(copy)
        server.start()
        # The epoch is the same, but the log never gave the seq that this client has seen.
        assert ann.resume()["resumed"] is False
        assert ann.texts() == ["in the copy"]


def test_retry_after_a_lost_acknowledgement_is_shown_once(server: ChatServer) -> None:
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob:
        bob.join("Bob")
        ann.join("Ann")
        ann.send(type="post", id="lost", text="hello")
        bob.expect("message", id="lost")
        ann.ws.close()  # without having read the acknowledgement
        ann.resume()
        assert ann.post("hello", "lost")["seq"] == 1
        assert ann.post("next")["seq"] == 2
        bob.expect("message", seq=2)
        assert bob.texts() == ann.texts() == ["hello", "next"]


def test_resume_while_others_post_neither_misses_nor_repeats(server: ChatServer) -> None:
    stop = threading.Event()
    far_enough = threading.Condition()

    def chatter(name: str) -> None:
        with Client(server.ws_url) as client:
            client.join(name)
            while not stop.is_set():
                client.post(name)
                with far_enough:  # never 500 ahead of Eve, on a slow machine too
                    far_enough.wait_for(lambda: stop.is_set() or client.seq - eve.seq < 200)

    talkers = [threading.Thread(target=chatter, args=(name,)) for name in ("Ann", "Bob")]
    with Client(server.ws_url) as eve:
        eve.join("Eve")
        for talker in talkers:
            talker.start()
        try:
            for _ in range(60):
                for _ in range(5):
                    eve.expect("message")  # the client itself raises at a gap or a changed message
                eve.ws.close()
                assert eve.resume()["resumed"] is True
                with far_enough:
                    far_enough.notify_all()
        finally:
            with far_enough:
                stop.set()
                far_enough.notify_all()
            for talker in talkers:
                talker.join()
        last = eve.post("end")
        assert [message["seq"] for message in eve.messages] == list(range(1, last["seq"] + 1))


def test_nick_of_who_spoke_lately_survives_a_restart(server: ChatServer) -> None:
    with Client(server.ws_url) as ann, Client(server.ws_url) as thief:
        ann.join("Ann")
        ann.post("I was here")
        server.kill()
        server.start()
        thief.connect()
        assert thief.refusal(type="join", nick="Ann")["code"] == "nick_taken"
        assert ann.resume()["member"]["nick"] == "Ann"


class SlowLog(SQLiteLog):
    """A log whose disk is slow; it knows how many wait for it to read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, retention_messages=1000)
        self.waiting: SimpleQueue[int] = SimpleQueue()
        self.goes_on = threading.Event()

    def before(self, room: str, seq: int, limit: int) -> Recent:
        self.waiting.put(limit)
        assert self.goes_on.wait(WAIT_S)
        return super().before(room, seq, limit)


def test_older_pages_leave_readers_of_the_log_to_newcomers(tmp_path: Path) -> None:
    log = SlowLog(tmp_path / "tchat.db")
    assert log.claim()
    delivery = Delivery(log, Registry())
    log.start(delivery.committed, print, bool, print)

    def page() -> tuple[list[Message], bool]:
        with delivery.turn():
            return delivery.page("general", 10, 50)

    with ThreadPoolExecutor(8) as readers:
        pages = [readers.submit(page) for _ in range(8)]
        refused = list(islice(as_completed(pages, WAIT_S), 6))  # soon, so that they ask again
        assert all(isinstance(page.exception(), StorageUnavailable) for page in refused)
        assert log.waiting.qsize() == 2  # of four readers
        log.goes_on.set()
    assert [page.result() for page in pages if page not in refused] == [([], False)] * 2
    log.close()


@pytest.mark.embedded
def test_join_whose_replay_fails_is_told_why_and_closed(
    make_server: Callable[..., ChatServer],
) -> None:
    server = make_server()
    fill(server.database, "general", (Past("Old", "x" * 1000, 1) for _ in range(3000)))
    server.start()
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob:
        epoch = ann.join("Ann")["epoch"]
        size = server.database.stat().st_size
        with server.database.open("r+b") as file:
            file.seek(size // 4)
            file.write(bytes(size // 4))  # old parts of the log, which no reader has in memory
        after = {"epoch": epoch, "seq": 1000, "at": rfc3339(1)}
        bob.send(type="join", nick="Bob", after=after)
        error = bob.expect("error")
        assert (error["code"], error["command"]) == ("storage_unavailable", "join")
        assert bob.close_code() == 1012
        ann.send(type="ping")  # a member who is in already stays
        ann.expect("pong")
        while server.status()["connected_users"] != 1:
            pass  # bounded by the test's timeout; each turn is a request
