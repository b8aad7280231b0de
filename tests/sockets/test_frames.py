"""Frames as RFC 6455 defines them, checked by wsproto's client."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection as Parser
from wsproto.connection import ConnectionType
from wsproto.events import CloseConnection, Event, Ping, Pong, TextMessage

from chat.protocol import Error, ErrorCode, Message
from chat.sockets import frames
from chat.sockets.frames import Batch
from tests.support.peers import message

SIZES = [0, 1, 124, 125, 126, 127, 65_535, 65_536, 70_000]
_SMALLEST = len(frames.encode_event(Error(ErrorCode.BANNED, ""))) - 2  # its header has 2 bytes


def judged(data: bytes) -> list[Event]:
    """Parse these bytes as a browser does; they must end with a whole frame."""
    parser = Parser(ConnectionType.CLIENT)
    parser.receive_data(data)
    events = list(parser.events())
    parser.receive_data(frames.ping_frame())  # wsproto parses it only after a whole frame
    if not any(isinstance(event, CloseConnection) for event in events):
        assert list(parser.events()) == [Ping(payload=b"")]
    return events


def sized_frame(payload_bytes: int) -> bytes:
    """Make a text frame whose payload has exactly this size."""
    return frames.encode_event(Error(ErrorCode.BANNED, "x" * (payload_bytes - _SMALLEST)))


@pytest.mark.parametrize("size", [125, 126, 127, 65_535, 65_536, 70_000])
def test_event_of_any_size_is_one_text_message(size: int) -> None:
    (event,) = judged(sized_frame(size))

    assert isinstance(event, TextMessage)
    assert event.message_finished
    assert len(event.data.encode()) == size
    assert json.loads(event.data)["type"] == "error"


@pytest.mark.parametrize("size", [0, 1, 125])
def test_ping_is_answered_with_its_own_payload(size: int) -> None:
    payload = bytes(range(size))

    assert judged(frames.pong_frame(payload)) == [Pong(payload=payload)]


def test_ping_is_a_whole_frame() -> None:
    assert judged(frames.ping_frame()) == [Ping(payload=b"")]


def test_close_carries_code_and_reason() -> None:
    (event,) = judged(frames.close_frame(4008, "trop lent : revenez"))

    assert event == CloseConnection(code=4008, reason="trop lent : revenez")


def test_close_without_code_is_empty() -> None:
    (event,) = judged(frames.close_frame(None))

    assert isinstance(event, CloseConnection)
    assert event.code == 1005  # wsproto's, and RFC 6455's, word for none


@given(st.integers(1000, 1003) | st.integers(3000, 4999), st.text(max_size=140))
def test_long_close_reason_ends_with_a_whole_character(code: int, reason: str) -> None:
    data = frames.close_frame(code, reason)

    assert len(data) <= 2 + 125  # a control frame's header and its largest payload
    (event,) = judged(data)
    assert isinstance(event, CloseConnection)
    assert event.code == code
    kept = event.reason or ""
    assert reason.startswith(kept)
    rest = reason[len(kept) :]
    assert not rest or len((kept + rest[0]).encode()) > 123


@given(st.data())
def test_frame_end_is_found_from_everywhere_in_consecutive_frames(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.sampled_from(SIZES), min_size=1, max_size=4))
    parts = [frames.pong_frame(b"x" * n) if n < 126 else sized_frame(n) for n in sizes]
    joined = b"".join(parts)
    ends = [0]
    for part in parts:
        ends.append(ends[-1] + len(part))
    near = [end + d for end in ends for d in range(-3, 12) if 0 <= end + d <= len(joined)]

    for offset in {*near, data.draw(st.integers(0, len(joined)))}:
        assert frames.frame_end(joined, offset) == min(end for end in ends if end >= offset)


def test_frame_end_is_found_at_every_single_offset() -> None:
    parts = [frames.pong_frame(b""), sized_frame(125), sized_frame(126), frames.ping_frame()]
    joined = b"".join(parts)

    found = [frames.frame_end(joined, offset) for offset in range(len(joined) + 1)]

    expected = [0]
    for part in parts:
        expected += [len(expected) - 1 + len(part)] * len(part)
    assert found == expected


@given(st.integers(1, 50), st.integers(1, 8), st.integers(0, 60))
def test_batch_gives_exactly_what_comes_after_a_seq(first: int, size: int, seq: int) -> None:
    messages = [message(n) for n in range(first, first + size)]
    batch = Batch(messages)

    assert (batch.previous, batch.last) == (first - 1, first + size - 1)
    assert told(batch.joined) == messages
    assert told(batch.after(seq)) == [one for one in messages if one.seq > seq]


def told(data: bytes) -> list[Message]:
    """Give the messages in a batch's frames, as a browser reads them."""
    events = judged(data)
    assert all(isinstance(event, TextMessage) for event in events)
    seqs = [json.loads(event.data)["seq"] for event in events if isinstance(event, TextMessage)]
    return [message(seq) for seq in seqs]


def test_batch_keeps_any_text_as_it_is() -> None:
    text = 'é"\\\n</script>\u2028👩‍👩‍👧\x7f'

    (event,) = judged(Batch([message(1, text)]).joined)

    assert isinstance(event, TextMessage)
    assert json.loads(event.data)["text"] == text
