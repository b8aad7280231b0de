"""One WebSocket over real TCP: what it receives, how it ends, and its place in the log."""

from __future__ import annotations

import json
import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from chat.protocol import CloseCode, Error, ErrorCode
from chat.protocol import Pong as PongEvent
from chat.sockets.frames import Batch, encode_event
from tests.support.peers import WAIT_S, Peer, message, opened

LIMIT = 16 * 1024  # bytes of one message
WELCOME = encode_event(PongEvent())  # any event will do: a connection does not read it
SMALL = 4096


def masked(first_byte: int, payload: bytes = b"") -> bytes:
    """Make a frame as a browser would, with any first byte; masked with zeros."""
    size = len(payload)
    length = struct.pack("!B", 0x80 | size) if size < 126 else struct.pack("!BH", 0x80 | 126, size)
    return bytes((first_byte,)) + length + bytes(4) + payload


def batch(first: int, last: int) -> Batch:
    """Make a batch of the messages from `first` to `last`."""
    return Batch([message(seq) for seq in range(first, last + 1)])


def seqs(texts: list[str]) -> list[int]:
    """Give the seqs of the messages among these texts."""
    events = (json.loads(text) for text in texts)
    return [event["seq"] for event in events if event["type"] == "message"]


# --- receiving --------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", "bonjour", "é👍\x00", "x" * LIMIT, "é" * (LIMIT // 2)], ids=len
)
def test_text_message_is_received_as_it_was_sent(text: str) -> None:
    with opened() as (_, peer, route):
        peer.send(TextMessage(data=text))

        assert route.texts.get(timeout=WAIT_S) == text


def test_fragments_make_one_message() -> None:
    with opened() as (_, peer, route):
        for part in ("bon", "", "jour"):
            peer.send(TextMessage(data=part, message_finished=False))
        peer.send(Ping(payload=b"in between"))
        peer.send(TextMessage(data=" !"))
        peer.send(TextMessage(data="next"))

        assert route.texts.get(timeout=WAIT_S) == "bonjour !"
        assert route.texts.get(timeout=WAIT_S) == "next"
        assert peer.receive() == Pong(payload=b"in between")


def test_message_may_arrive_byte_by_byte() -> None:
    with opened() as (_, peer, route):
        for byte in masked(0x81, "é👍".encode()):
            peer.send_bytes(bytes((byte,)))

        assert route.texts.get(timeout=WAIT_S) == "é👍"


@pytest.mark.parametrize("payload", [b"", b"x" * 125])
def test_ping_is_answered(payload: bytes) -> None:
    with opened() as (_, peer, _):
        peer.send(Ping(payload=payload))

        assert peer.receive() == Pong(payload=payload)


@pytest.mark.parametrize("text", ["x" * (LIMIT + 1), "é" * (LIMIT // 2) + "x"], ids=["x", "é"])
@pytest.mark.parametrize("fragment", [LIMIT + 1, 1000, 1], ids=lambda n: f"fragments of {n}")
def test_message_over_16_kib_closes_the_connection(text: str, fragment: int) -> None:
    with opened() as (_, peer, route):
        parts = [text[start : start + fragment] for start in range(0, len(text), fragment)]
        for part in parts[:-1]:
            peer.send(TextMessage(data=part, message_finished=False))
        peer.send(TextMessage(data=parts[-1]))

        assert peer.close_code() == 1009
        assert route.texts.empty()


def test_message_that_never_ends_is_not_kept() -> None:
    with opened() as (_, peer, _):
        header = bytes((0x81, 0x80 | 127)) + struct.pack("!Q", 2**40) + bytes(4)
        peer.send_bytes(header + b"x" * (LIMIT + 1))

        assert peer.close_code() == 1009


@pytest.mark.parametrize("data", [b"", b"\x00\x01", b"x" * (LIMIT + 1)], ids=len)
def test_binary_message_closes_the_connection(data: bytes) -> None:
    with opened() as (_, peer, route):
        peer.send(BytesMessage(data=data))

        assert peer.close_code() == 1003
        assert route.texts.empty()


@pytest.mark.parametrize(
    "data",
    [
        masked(0x81, b"\xff"),
        masked(0x81, b"\xc3"),  # half of a character
        masked(0x81, b"\xed\xa0\x80"),  # a surrogate
        masked(0x81, b"\xc0\x80"),  # overlong
        masked(0x81, b"\xf4\x90\x80\x80"),  # above U+10FFFF
        masked(0x01, b"\xc3") + masked(0x80, b"x"),
    ],
    ids=bytes.hex,
)
def test_text_that_is_not_utf_8_closes_the_connection(data: bytes) -> None:
    with opened() as (_, peer, route):
        peer.send_bytes(data)

        assert peer.close_code() == 1007
        assert route.texts.empty()


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\x02hi",
        masked(0xC1, b"hi"),
        masked(0xA1, b"hi"),
        masked(0x83, b"hi"),
        masked(0x8B),
        masked(0x80, b"hi"),
        masked(0x01, b"hi") + masked(0x81, b"hi"),
        masked(0x09),
        masked(0x89, b"x" * 126),
        masked(0x88, b"x"),
        masked(0x88, struct.pack("!H", 999)),
        masked(0x88, struct.pack("!H", 1005)),
        masked(0x88, struct.pack("!H", 1006)),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=[
        "unmasked",
        "first reserved bit",
        "second reserved bit",
        "reserved opcode",
        "reserved control opcode",
        "continuation of nothing",
        "new message within a message",
        "fragmented ping",
        "ping over 125 bytes",
        "close with one byte",
        "close 999",
        "close 1005",
        "close 1006",
        "HTTP",
    ],
)
def test_what_is_not_websocket_closes_the_connection(data: bytes) -> None:
    with opened() as (_, peer, route):
        peer.send_bytes(data)

        assert peer.close_code() == 1002
        assert route.texts.empty()


def test_nothing_is_received_after_the_connection_was_closed() -> None:
    with opened() as (connection, peer, route):
        connection.close(CloseCode.ABUSE)
        peer.send(TextMessage(data="too late"))
        assert peer.close_code() == 1008
        peer.answer_close()

        assert route.ends()
        assert route.texts.empty()


# --- ending -----------------------------------------------------------------------


@pytest.mark.parametrize("code", list(CloseCode))
def test_close_tells_its_code_and_ends_when_the_peer_answers(code: CloseCode) -> None:
    with opened() as (connection, peer, route):
        connection.close(code, "because")

        event = peer.receive()
        assert isinstance(event, CloseConnection)
        assert (event.code, event.reason) == (code, "because")
        peer.answer_close()
        assert peer.ended()
        assert route.ends()
        assert connection.close_code == code


@pytest.mark.parametrize("code", [1000, 1001, 3000, 4999])
def test_close_of_the_peer_is_answered_with_its_code(code: int) -> None:
    with opened() as (_, peer, route):
        peer.send(CloseConnection(code=code, reason="bye"))

        assert peer.close_code() == code
        assert peer.ended()
        peer.end()
        assert route.ends()


def test_close_without_a_code_is_answered_without_one() -> None:
    with opened() as (_, peer, _):
        peer.send_bytes(masked(0x88))

        event = peer.receive()
        assert isinstance(event, CloseConnection)
        assert event.code == 1005


@pytest.mark.parametrize("sent", [b"", masked(0x01, b"half"), masked(0x81, b"whole")[:4]], ids=len)
def test_peer_that_vanishes_ends_the_connection(sent: bytes) -> None:
    with opened() as (connection, peer, route):
        peer.send_bytes(sent)
        peer.end()

        assert route.ends()
        assert connection.close_code is None


def test_close_ends_a_connection_whose_peer_never_answers() -> None:
    with opened() as (connection, _, route):
        connection.close(CloseCode.RESTARTING)

        assert route.ends()


def test_silent_peer_is_pinged_and_then_dropped() -> None:
    with opened(ping_interval_s=0.1) as (_, peer, route):
        assert peer.receive() == Ping(payload=b"")

        assert route.ends()
        assert peer.ended()


def test_peer_that_answers_pings_stays() -> None:
    with opened(ping_interval_s=0.3) as (_, peer, route):
        for _ in range(4):  # longer than the two silent intervals that are allowed
            assert peer.receive() == Ping(payload=b"")
            peer.send(Pong())
        peer.send(TextMessage(data="still here"))

        assert route.texts.get(timeout=WAIT_S) == "still here"


# --- sending ----------------------------------------------------------------------


def flood(name: str) -> bytes:
    """Make a frame of some size that differs from all others."""
    return encode_event(Error(ErrorCode.BANNED, "x" * 20_000, id=name))


def test_slow_peer_is_closed_and_finds_whole_events_and_why() -> None:
    with opened(outbox_bytes=100_000, buffer_bytes=SMALL) as (connection, peer, _):
        sent = 0
        while connection.close_code is None:
            connection.enqueue(flood(str(sent)))
            sent += 1

        texts, code = peer.until_closed()

        assert code == 4008
        assert [json.loads(text)["id"] for text in texts] == [str(n) for n in range(len(texts))]
        assert len(texts) < sent


def test_slow_peer_is_heard_while_events_wait_for_it() -> None:
    with opened(buffer_bytes=SMALL) as (connection, peer, route):
        connection.enqueue(encode_event(Error(ErrorCode.BANNED, "x" * 500_000)))
        peer.send(TextMessage(data="hello"))

        assert route.texts.get(timeout=WAIT_S) == "hello"
        assert len(peer.text()) > 500_000


def test_pong_comes_between_events_and_never_within_one() -> None:
    with opened(buffer_bytes=SMALL) as (connection, peer, _):
        peer.send(Ping(payload=b"?"))
        connection.enqueue(encode_event(Error(ErrorCode.BANNED, "x" * 500_000)))
        peer.send(Ping(payload=b"!"))

        events = [peer.receive() for _ in range(3)]

        assert [type(event) for event in events].count(TextMessage) == 1
        assert [type(event) for event in events].count(Pong) == 2


def test_next_connection_may_have_the_descriptor_of_a_slow_one() -> None:
    for _ in range(5):
        with opened(buffer_bytes=SMALL) as (connection, peer, route):
            connection.enqueue(encode_event(Error(ErrorCode.BANNED, "x" * 500_000)))
            peer.end()
            assert route.ends()
        with opened(buffer_bytes=SMALL) as (connection, peer, _):
            connection.enqueue(encode_event(Error(ErrorCode.BANNED, "x" * 500_000)))
            assert len(peer.text()) > 500_000


# --- the place in the log ---------------------------------------------------------


def finish_reading(peer: Peer) -> list[int]:
    """Read to the close of a connection that was closed for no bad reason."""
    texts, code = peer.until_closed()
    assert code == 1000
    return seqs(texts)


def test_everything_that_comes_during_the_replay_follows_the_welcome_in_order() -> None:
    with opened() as (connection, peer, _):
        connection.hold()
        for name in ("first", "second"):
            connection.enqueue(encode_event(Error(ErrorCode.BANNED, name)))
            connection.deliver(batch(6, 6) if name == "first" else batch(7, 8))
        connection.go_live(WELCOME, 5)
        connection.deliver(batch(9, 9))

        told = [json.loads(peer.text()) for _ in range(7)]

        assert [event.get("detail", event.get("seq")) for event in told] == (
            [None, "first", 6, "second", 7, 8, 9]
        )


def test_messages_of_the_replay_are_not_given_again() -> None:
    with opened() as (connection, peer, _):
        connection.hold()
        connection.deliver(batch(1, 3))
        connection.deliver(batch(4, 6))
        connection.go_live(WELCOME, 5)
        connection.deliver(batch(5, 7))
        connection.deliver(batch(2, 7))
        connection.close(1000)

        assert finish_reading(peer) == [6, 7]


def test_what_comes_while_the_log_is_read_again_follows_what_was_read() -> None:
    with opened() as (connection, peer, _):
        connection.hold()
        connection.go_live(WELCOME, 5)
        connection.deliver(batch(6, 6))
        connection.hold()
        connection.deliver(batch(7, 8))
        connection.enqueue(encode_event(Error(ErrorCode.BANNED, "meanwhile")))
        connection.go_on(encode_event(Error(ErrorCode.BANNED, "read")))
        connection.hold()
        connection.deliver(batch(9, 9))
        connection.go_on()  # it could not be read
        connection.deliver(batch(10, 10))

        told = [json.loads(peer.text()) for _ in range(8)]

        assert [event.get("detail", event.get("seq")) for event in told] == (
            [None, 6, "read", 7, 8, "meanwhile", 9, 10]
        )


@pytest.mark.parametrize("held", [True, False], ids=["while held", "live"])
def test_hole_closes_the_connection(held: bool) -> None:
    with opened() as (connection, peer, _):
        connection.hold()
        if held:
            connection.deliver(batch(7, 7))
        connection.go_live(WELCOME, 5)
        if not held:
            connection.deliver(batch(6, 6))
            connection.deliver(batch(8, 8))
        connection.deliver(batch(9, 9))

        texts, code = peer.until_closed()

        assert code == 4008
        assert seqs(texts) == ([] if held else [6])


def test_too_much_during_the_replay_closes_the_connection() -> None:
    with opened(outbox_bytes=65_536) as (connection, peer, _):
        connection.hold()
        for _ in range(10):
            connection.enqueue(flood("held"))

        assert peer.until_closed() == ([], 4008)


def test_abandoned_connection_is_given_the_last_word_and_nothing_that_was_held() -> None:
    with opened() as (connection, peer, _):
        connection.hold()
        connection.enqueue(flood("held"))
        connection.deliver(batch(1, 2))
        connection.abandon(WELCOME, 1012)
        connection.enqueue(flood("too late"))
        connection.deliver(batch(3, 3))

        assert peer.until_closed() == ([json.dumps({"type": "pong"}, separators=(",", ":"))], 1012)


def test_welcome_larger_than_the_outbox_still_arrives_and_the_connection_stays() -> None:
    with opened(outbox_bytes=65_536, buffer_bytes=SMALL) as (connection, peer, _):
        connection.hold()
        # Fifty messages of the largest size: the largest answer to a join without `after`.
        connection.go_live(encode_event(Error(ErrorCode.BANNED, "👍" * 2000 * 50)), 50)

        assert connection.close_code is None
        assert len(json.loads(peer.text())["detail"]) == 100_000


@st.composite
def joinings(draw: st.DrawFn) -> tuple[list[Batch], int, int, int]:
    """Draw batches, how many come before registration and before going live, the replay's end."""
    last = draw(st.integers(1, 30))
    cuts = draw(st.sets(st.integers(1, last), max_size=6)) | {0, last}
    batches = [batch(low + 1, high) for low, high in pairwise(sorted(cuts))]
    registered = draw(st.integers(0, len(batches)))  # batches delivered before
    live = draw(st.integers(registered, len(batches)))  # and before going live
    committed = batches[registered - 1].last if registered else 0
    # The head is read from the log after the registration: more may be committed by then.
    position = draw(st.integers(committed, last))
    return batches, registered, live, position


@settings(max_examples=150)
@given(joinings(), st.booleans())
def test_each_message_after_the_replay_is_given_once_whenever_it_comes(
    joining: tuple[list[Batch], int, int, int], again: bool
) -> None:
    batches, registered, live, position = joining
    with opened() as (connection, peer, _):
        connection.hold()
        for one in batches[registered:live]:
            connection.deliver(one)
        connection.go_live(WELCOME, position)
        for one in batches[live:]:
            connection.deliver(one)
            if again:
                connection.deliver(one)
        connection.close(1000)
        peer_seqs = finish_reading(peer)
        peer.answer_close()

    assert peer_seqs == list(range(position + 1, batches[-1].last + 1))
