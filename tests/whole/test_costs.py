"""The cost of delivering and receiving, counted exactly; a clock would only measure the machine."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import FrameType

import pytest

from chat.config import read_settings
from chat.protocol import Pong
from chat.rooms.ledger import Account, Budget, Ledger, read_allowance
from chat.rooms.registry import Registry
from chat.sockets.connection import Connection
from chat.sockets.frames import Batch, encode_event
from chat.sockets.inbound import InboundStream
from tests.sockets.test_inbound import frame
from tests.support.peers import message, opened

CONNECTIONS = 20
MESSAGES = 10


class Room:
    """A room of real connections that get message after message."""

    def __init__(self, stack: ExitStack) -> None:
        self.registry = Registry()
        self._seq = 0
        for number in range(CONNECTIONS):
            connection: Connection
            connection, _, _ = stack.enter_context(opened())
            self.registry.add(connection)
            connection.hold()
            self.registry.join(connection, "general", f"m{number}")
            connection.go_live(encode_event(Pong()), 0)

    def deliver(self) -> None:
        """Deliver MESSAGES more."""
        first = self._seq + 1
        self._seq += MESSAGES
        messages = [message(seq) for seq in range(first, self._seq + 1)]
        self.registry.deliver("general", messages)


@pytest.fixture
def room() -> Iterator[Room]:
    with ExitStack() as stack:
        yield Room(stack)


def calls(function: Callable[[], object]) -> Counter[str]:
    """Count the functions that are called on this thread, including those in C."""
    counted: Counter[str] = Counter()

    def count(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            counted[frame.f_code.co_name] += 1
        elif event == "c_call":
            counted[f"C {getattr(argument, '__name__', argument)}"] += 1

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return counted


def test_message_is_encoded_once_and_a_commit_is_one_system_call_a_connection(room: Room) -> None:
    room.deliver()
    counted = calls(room.deliver)
    assert counted["encode_event"] == MESSAGES
    assert counted["C send"] == CONNECTIONS
    system_calls = {"C recv", "C poll", "C select", "C shutdown", "C setsockopt", "C fileno"}
    assert not system_calls & set(counted)


def test_delivery_runs_two_functions_a_connection_whatever_the_commit_holds(room: Room) -> None:
    room.deliver()
    counted = calls(room.deliver)
    python = sum(count for name, count in counted.items() if not name.startswith("C "))
    assert python <= 2 * CONNECTIONS + 4 * MESSAGES + 10


def test_connection_that_does_not_read_costs_no_system_call() -> None:
    # The flusher sends the bytes that wait for it. Messages for others do not wait for a full
    # connection, not even during a system call that would fail.
    with opened(buffer_bytes=4096, outbox_bytes=16 * 1024 * 1024) as (connection, _, _):
        connection.hold()
        connection.go_live(encode_event(Pong()), 0)
        seq = 0
        while not connection.outbox.waits():
            seq += 1
            connection.deliver(Batch([message(seq, "x" * 2000)]))
        counted = calls(lambda: connection.deliver(Batch([message(seq + 1)])))
        assert connection.outbox.waits()
        assert counted["C send"] == 0
        assert counted["deliver"] == 1


def test_delivery_leaves_nothing_behind(room: Room) -> None:
    for _ in range(3):
        room.deliver()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(20):
        room.deliver()
    gc.collect()
    assert sys.getallocatedblocks() - before < CONNECTIONS  # not one block for each connection


def test_whole_text_frame_is_received_without_wsproto() -> None:
    stream = InboundStream()
    data = frame(0x81, b'{"type":"post","id":"1","text":"hello"}')
    counted = calls(lambda: list(stream.take(data)))
    assert counted["receive_data"] == 0
    assert sum(count for name, count in counted.items() if not name.startswith("C ")) <= 6


@pytest.fixture
def account() -> Account:
    account = Ledger(read_allowance(read_settings({}))).account("192.0.2.1")
    account.enter("general")
    return account


def functions(counted: Counter[str]) -> int:
    """Count the functions in Python, without the one that the test itself is."""
    return sum(count for name, count in counted.items() if not name.startswith("C ")) - 1


def test_ledger_costs_a_post_one_function_and_one_look_at_the_clock(account: Account) -> None:
    account.post("general", 100)
    counted = calls(lambda: account.post("general", 100))
    assert functions(counted) == 1
    assert counted["C monotonic"] == 1
    assert sum(counted.values()) <= 9, counted


def test_ledger_costs_a_connection_two_dozen_functions() -> None:
    ledger = Ledger(read_allowance(read_settings({})))

    def come_and_go() -> None:
        socket = ledger.account("192.0.2.1")
        socket.open_socket()
        account = ledger.account("192.0.2.1")
        account.open_ws()
        account.enter("general")
        account.charge(Budget.SENT_BYTES, 10_000)
        account.resumed()
        account.close_ws()
        socket.close_socket()

    come_and_go()
    counted = calls(come_and_go)
    assert functions(counted) <= 24, counted
    assert counted["_key"] == 2  # a table of hashes at hand would keep plain addresses
