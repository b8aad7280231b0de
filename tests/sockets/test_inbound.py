"""The fast path gives the same as wsproto for everything that a peer can send."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wsproto.utilities import RemoteProtocolError

from chat.protocol import FRAME_LIMIT
from chat.sockets.inbound import InboundStream
from tests.fuzz.frames import assert_alike, heard
from tests.support.frames import frame

texts = st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
payloads = st.one_of(
    texts,
    st.binary(max_size=140),
    st.integers(FRAME_LIMIT - 1, FRAME_LIMIT + 1).map(lambda size: b"x" * size),
)
ordinary = st.builds(frame, st.just(0x81), texts, mask=st.binary(min_size=4, max_size=4))
any_frame = st.builds(
    frame,
    st.one_of(
        st.sampled_from([0x81, 0x01, 0x00, 0x80, 0x82, 0x88, 0x89, 0x8A]), st.integers(0, 255)
    ),
    payloads,
    form=st.sampled_from([0, 0, 126, 127]),
    mask=st.one_of(st.none(), st.binary(min_size=4, max_size=4)),
)
streams = st.lists(st.one_of(ordinary, ordinary, any_frame, st.binary(max_size=20)), max_size=8)


@st.composite
def chunked(draw: st.DrawFn) -> list[bytes]:
    """Cut a stream of frames into chunks, often at the ends of frames, but also anywhere."""
    frames = draw(streams)
    if draw(st.booleans()):
        return frames
    data = b"".join(frames)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    edges = [0, *cuts, len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@settings(max_examples=600)
@given(chunked())
@example([frame(0x81, b"one") + frame(0x81, b"two")])
@example([frame(0x81, b"one") + frame(0x89, b"ping") + frame(0x81, b"two")])
@example([frame(0x81, b"\xff")])
@example([frame(0x81, b"x" * 125, form=126)])
@example([frame(0x01, b"frag"), frame(0x81, b"ment")])
@example([frame(0x81, b"plain", mask=None)])
def test_shortcut_agrees_with_wsproto(chunks: list[bytes]) -> None:
    assert heard(chunks, shortcut=True) == heard(chunks, shortcut=False)


@settings(max_examples=300)
@given(chunked())
@example([b"\x81", b"\x81\x00\x00\x00\x00", b"x"])
@example([frame(0x81, "é".encode())[:-1], b"\xab" + frame(0x89, b"ping")])
@example([frame(0x01, b"x" * FRAME_LIMIT) + frame(0x00, b"\xff"), frame(0x80, b"x")])
def test_stream_is_heard_alike_however_it_is_cut(chunks: list[bytes]) -> None:
    assert_alike(heard(chunks, shortcut=True), heard([b"".join(chunks)], shortcut=False))


@given(st.lists(st.text(max_size=2000), max_size=4), st.binary(min_size=4, max_size=4))
def test_whole_text_frames_come_out_as_they_went_in(said: list[str], mask: bytes) -> None:
    data = b"".join(frame(0x81, text.encode(), mask=mask) for text in said)
    assert heard([data], shortcut=True) == said


def test_message_of_the_largest_size_passes_and_one_byte_more_does_not() -> None:
    for shortcut in (True, False):
        largest = b"x" * FRAME_LIMIT
        assert heard([frame(0x81, largest)], shortcut=shortcut) == [largest.decode()]
        assert heard([frame(0x81, largest + b"x")], shortcut=shortcut) == [("error", 1009)]


def test_limit_may_be_another() -> None:
    def taken(size: int) -> list[object]:
        stream = InboundStream(limit_bytes=100_000)
        return list(stream.take(frame(0x81, b"x" * size)))

    assert taken(100_000) == ["x" * 100_000]
    with pytest.raises(RemoteProtocolError, match="97 KiB"):
        taken(100_001)
