"""What RFC 6455 asks of a server, section by section of Autobahn|Testsuite, on raw sockets.

The server is the real stack as an echo (echo.py), which accepts binary and large messages.
`make autobahn` runs the suite itself. test_socket.py tests what the chat refuses beyond the RFC.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.long.autobahn import ECHO
from tests.support.frames import frame
from tests.support.raw import BINARY, CLOSE, PING, PONG, TEXT, RawPeer
from tests.support.servers import ChatServer

FIN = 0x80
CONTINUATION = 0x0
MASK = b"\xa1\x00\x5f\xff"
ALL_AT_ONCE = 1 << 20

HELLO = "Hello, µ@ßöäüàá!"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    server = ChatServer(tmp_path_factory.mktemp("echo"), ECHO)
    server.start()
    yield server
    server.end()
    assert "Traceback" not in server.log()


@pytest.fixture
def peer(server: ChatServer) -> Iterator[RawPeer]:
    with RawPeer(server) as peer:
        yield peer.open()


def say(peer: RawPeer, *frames: bytes, step: int = ALL_AT_ONCE) -> None:
    """Send frames, `step` bytes at a time."""
    data = b"".join(frames)
    with suppress(BrokenPipeError, ConnectionResetError):  # the server has closed already
        for start in range(0, len(data), step):
            peer.sock.sendall(data[start : start + step])


def whole(opcode: int, payload: bytes | str = b"") -> bytes:
    return part(opcode, payload, fin=FIN)


def part(opcode: int, payload: bytes | str = b"", *, fin: int = 0) -> bytes:
    """Make a frame of a message; it is the last one only with `fin`."""
    return frame(fin | opcode, payload.encode() if isinstance(payload, str) else payload, mask=MASK)


def status(code: int, reason: bytes = b"") -> bytes:
    """Make the payload of a close frame."""
    return code.to_bytes(2) + reason


def is_well(peer: RawPeer) -> None:
    """Prove that the connection is open and that no answer is left over."""
    say(peer, whole(TEXT, "still here"))
    assert peer.read_frame() == (TEXT, b"still here")


def closes(peer: RawPeer, code: int) -> None:
    """Prove that a close frame with this code comes next, and nothing after it."""
    opcode, payload = peer.read_frame()
    assert (opcode, payload[:2]) == (CLOSE, status(code))
    assert peer.at_end()


# --- 1: framing ----------------------------------------------------------------------


@pytest.mark.parametrize("step", [ALL_AT_ONCE, 997])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 1024, 65535, 65536])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_message_of_any_size_comes_back(peer: RawPeer, opcode: int, size: int, step: int) -> None:
    payload = b"*" * size if opcode == TEXT else b"\xfe" * size
    say(peer, whole(opcode, payload), step=step)
    assert peer.read_frame() == (opcode, payload)
    is_well(peer)


@pytest.mark.parametrize(
    "wrong",
    [
        frame(FIN | TEXT, b"x" * 125, form=126),
        frame(FIN | TEXT, b"x" * 125, form=127),
        frame(FIN | BINARY, b"x" * 65535, form=127),
        bytes((FIN | BINARY, 0x80 | 127)) + (1 << 63).to_bytes(8) + MASK,
        frame(FIN | TEXT, b"x", mask=None),
        frame(FIN | BINARY, b"", mask=None),
        frame(FIN | PING, b"x", mask=None),
        frame(FIN | CLOSE, status(1000), mask=None),
    ],
    ids=["125 in 2", "125 in 8", "65535 in 8", "2^63", "text", "binary", "ping", "close"],
)
def test_length_that_is_not_the_shortest_and_missing_mask_are_errors(
    peer: RawPeer, wrong: bytes
) -> None:
    say(peer, wrong)
    closes(peer, 1002)


# --- 2: pings and pongs -----------------------------------------------------------------


@pytest.mark.parametrize("step", [ALL_AT_ONCE, 1])
@pytest.mark.parametrize(
    "payload", [b"", b"Hello, world!", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125]
)
def test_ping_is_answered_with_its_payload(peer: RawPeer, payload: bytes, step: int) -> None:
    say(peer, whole(PING, payload), step=step)
    assert peer.read_frame() == (PONG, payload)
    is_well(peer)


@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_control_frame_over_125_bytes_is_an_error(peer: RawPeer, opcode: int) -> None:
    say(peer, whole(opcode, status(1000, b"x" * 124)))
    closes(peer, 1002)


@pytest.mark.parametrize("payload", [b"", b"nobody asked"])
def test_pong_that_nobody_asked_for_is_ignored(peer: RawPeer, payload: bytes) -> None:
    say(peer, whole(PONG, payload), whole(PING, b"mine"), whole(PONG, payload))
    assert peer.read_frame() == (PONG, b"mine")
    is_well(peer)


@pytest.mark.parametrize("step", [ALL_AT_ONCE, 1])
def test_pings_in_a_row_are_answered_in_order(peer: RawPeer, step: int) -> None:
    payloads = [f"payload-{number}".encode() for number in range(10)]
    say(peer, *(whole(PING, payload) for payload in payloads), step=step)
    assert [peer.read_frame() for _ in payloads] == [(PONG, payload) for payload in payloads]


# --- 3 and 4: reserved bits, reserved opcodes ----------------------------------------------

RESERVED_BITS = [
    FIN | bits << 4 | opcode
    for bits in range(1, 8)
    for opcode in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG)
]
RESERVED_OPCODES = [FIN | opcode for opcode in (0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF)]


@pytest.mark.parametrize("payload", [b"", b"payload"])
@pytest.mark.parametrize("first", RESERVED_BITS + RESERVED_OPCODES, ids=hex)
def test_reserved_bit_or_opcode_is_an_error_after_what_came_before(
    peer: RawPeer, first: int, payload: bytes
) -> None:
    say(peer, whole(TEXT, HELLO), frame(first, payload, mask=MASK), whole(PING))
    assert peer.read_frame() == (TEXT, HELLO.encode())
    closes(peer, 1002)  # and the ping is not answered


@pytest.mark.parametrize("first", [FIN | 0x40 | TEXT, FIN | 0x3, FIN | 0xB], ids=hex)
def test_reserved_bit_or_opcode_within_a_message_is_an_error(peer: RawPeer, first: int) -> None:
    say(peer, part(TEXT, "begun"), frame(first, b"", mask=MASK), step=1)
    closes(peer, 1002)


# --- 5: fragmentation -----------------------------------------------------------------------


@pytest.mark.parametrize("step", [ALL_AT_ONCE, 1])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize(
    "parts",
    [
        ["fragment1", "fragment2"],
        ["", ""],
        ["", "", "", "late"],
        ["early", "", ""],
        ["1", "2", "3", "4", "5"],
    ],
    ids="|".join,
)
def test_fragments_are_one_message_and_pings_between_are_answered_first(
    peer: RawPeer, parts: list[str], opcode: int, step: int
) -> None:
    first, *middle = parts
    for between in (b"", whole(PING, b"between")):
        say(
            peer,
            part(opcode, first),
            *(between + part(CONTINUATION, text) for text in middle),
            between + whole(CONTINUATION),
            step=step,
        )
        for _ in parts if between else ():
            assert peer.read_frame() == (PONG, b"between")
        assert peer.read_frame() == (opcode, "".join(parts).encode())
    is_well(peer)


@pytest.mark.parametrize("step", [ALL_AT_ONCE, 1])
@pytest.mark.parametrize(
    "frames",
    [
        [part(PING, b"fragment1"), whole(CONTINUATION, b"fragment2")],
        [part(PONG, b"fragment1"), whole(CONTINUATION, b"fragment2")],
        [part(CLOSE, status(1000))],
        [whole(CONTINUATION, b"of nothing")],
        [part(CONTINUATION, b"of nothing"), whole(TEXT, b"x")],
        [whole(CONTINUATION)],
        [part(TEXT, b"begun"), whole(TEXT, b"another")],
        [part(TEXT, b"begun"), part(TEXT, b"another"), whole(CONTINUATION)],
        [part(TEXT, b"begun"), whole(BINARY, b"another")],
        [part(BINARY, b"begun"), whole(TEXT, b"another")],
        [part(TEXT, b"begun"), whole(TEXT)],
    ],
    ids=[
        "ping in fragments",
        "pong in fragments",
        "close in fragments",
        "continuation of nothing",
        "continuation of nothing, not the last",
        "empty continuation of nothing",
        "text in text",
        "text in text, in fragments",
        "binary in text",
        "text in binary",
        "empty text in text",
    ],
)
def test_wrong_sequence_of_frames_is_an_error(
    peer: RawPeer, frames: list[bytes], step: int
) -> None:
    say(peer, *frames, step=step)
    closes(peer, 1002)


def test_continuation_after_a_finished_message_is_an_error(peer: RawPeer) -> None:
    say(peer, part(TEXT, "one "), whole(CONTINUATION, "message"), whole(CONTINUATION, "more"))
    assert peer.read_frame() == (TEXT, b"one message")
    closes(peer, 1002)


# --- 6: UTF-8 --------------------------------------------------------------------------------

VALID = [
    "",
    "Hello-µ@ßöäüàá-UTF-8!!",
    "κόσμε",
    "\u0000",
    "\u0080",
    "\u07ff",
    "\u0800",
    "\ud7ff",
    "\ue000",
    "\ufdd0",  # a noncharacter is allowed in UTF-8
    "\ufffd",
    "\ufffe",
    "\uffff",
    "\U00010000",
    "\U0001ffff",
    "\U0010fffe",
    "\U0010ffff",
    "\ufeffBOM",
]
INVALID = [
    b"\x80",  # continuation bytes without a first byte
    b"\xbf",
    b"\x80\xbf\x80",
    b"\xc0\x80",  # longer than needed: NUL, /, DEL, U+07FF, U+FFFF
    b"\xc1\xbf",
    b"\xe0\x80\xaf",
    b"\xe0\x9f\xbf",
    b"\xf0\x80\x80\xaf",
    b"\xf0\x8f\xbf\xbf",
    b"\xf8\x80\x80\x80\xaf",
    b"\xfc\x80\x80\x80\x80\xaf",
    b"\xed\xa0\x80",  # surrogates, alone and in pairs
    b"\xed\xbf\xbf",
    b"\xed\xa0\x80\xed\xb0\x80",
    b"\xf4\x90\x80\x80",  # beyond U+10FFFF
    b"\xf5\x80\x80\x80",
    b"\xf7\xbf\xbf\xbf",
    b"\xf8\x88\x80\x80\x80",
    b"\xfb\xbf\xbf\xbf\xbf",
    b"\xfc\x84\x80\x80\x80\x80",
    b"\xfd\xbf\xbf\xbf\xbf\xbf",
    b"\xfe",
    b"\xff",
    b"\xfe\xfe\xff\xff",
    b"\xc3(",  # a character that is cut off by the next one
    b"\xe2\x82(",
    b"\xf0\x9f\x98(",
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
]
BROKEN_OFF = [b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xce\xba\xe1\xbd", b"\xf4\x8f\xbf"]


@pytest.mark.parametrize("step", [ALL_AT_ONCE, 1])
@pytest.mark.parametrize("text", VALID, ids=ascii)
def test_valid_text_comes_back_wherever_it_is_cut(peer: RawPeer, text: str, step: int) -> None:
    payload = text.encode()
    say(peer, whole(TEXT, payload), step=step)
    octets = [part(CONTINUATION, payload[i : i + 1]) for i in range(len(payload))]
    say(peer, part(TEXT), *octets, whole(CONTINUATION), step=step)
    assert [peer.read_frame(), peer.read_frame()] == [(TEXT, payload)] * 2


@pytest.mark.parametrize("step", [ALL_AT_ONCE, 1])
@pytest.mark.parametrize("in_fragments", [False, True], ids=["whole", "in fragments"])
@pytest.mark.parametrize("payload", INVALID + BROKEN_OFF, ids=repr)
def test_invalid_text_is_closed_with_1007(
    peer: RawPeer, payload: bytes, in_fragments: bool, step: int
) -> None:
    payload = b"fine " + payload
    if in_fragments:
        octets = [part(CONTINUATION, payload[i : i + 1]) for i in range(len(payload))]
        say(peer, part(TEXT), *octets, whole(CONTINUATION), step=step)
    else:
        say(peer, whole(TEXT, payload), step=step)
    closes(peer, 1007)


@pytest.mark.parametrize("payload", INVALID, ids=repr)
def test_invalid_text_is_closed_before_its_message_ends(peer: RawPeer, payload: bytes) -> None:
    say(peer, part(TEXT, "fine so far: "), part(CONTINUATION, payload))
    closes(peer, 1007)


@pytest.mark.parametrize("payload", INVALID, ids=repr)
def test_invalid_text_is_closed_before_its_frame_ends(peer: RawPeer, payload: bytes) -> None:
    begun = whole(TEXT, payload + b"x" * 100)[:-100]
    say(peer, begun)
    closes(peer, 1007)


@pytest.mark.parametrize("payload", INVALID + BROKEN_OFF, ids=repr)
def test_binary_message_may_hold_anything(peer: RawPeer, payload: bytes) -> None:
    say(peer, whole(BINARY, payload))
    assert peer.read_frame() == (BINARY, payload)


# --- 7: closing -------------------------------------------------------------------------------

VALID_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
INVALID_CODES = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]


@pytest.mark.parametrize("step", [ALL_AT_ONCE, 1])
@pytest.mark.parametrize("reason", [b"", b"Bye", "é".encode() * 61 + b"!"], ids=len)
@pytest.mark.parametrize("code", VALID_CODES)
def test_close_is_answered_with_its_code_and_the_end(
    peer: RawPeer, code: int, reason: bytes, step: int
) -> None:
    say(peer, whole(CLOSE, status(code, reason)), step=step)
    closes(peer, code)


def test_close_without_a_code_is_answered_without_one(peer: RawPeer) -> None:
    say(peer, whole(CLOSE))
    assert peer.read_frame() == (CLOSE, b"")
    assert peer.at_end()


@pytest.mark.parametrize("code", INVALID_CODES)
def test_close_with_a_code_that_nobody_may_send_is_an_error(peer: RawPeer, code: int) -> None:
    say(peer, whole(CLOSE, status(code, b"reason")))
    closes(peer, 1002)


def test_close_with_half_a_code_is_an_error(peer: RawPeer) -> None:
    say(peer, whole(CLOSE, b"\x03"))
    closes(peer, 1002)


@pytest.mark.parametrize("reason", INVALID + BROKEN_OFF, ids=repr)
def test_close_whose_reason_is_no_text_is_closed_with_1007(peer: RawPeer, reason: bytes) -> None:
    say(peer, whole(CLOSE, status(1000, reason)))
    closes(peer, 1007)


@pytest.mark.parametrize("step", [ALL_AT_ONCE, 1])
@pytest.mark.parametrize(
    "late",
    [
        whole(TEXT, b"late"),
        whole(BINARY, b"late" * 16_384),
        whole(PING, b"late"),
        whole(CLOSE, status(1001)),
        whole(CONTINUATION, b"late"),
        frame(0xFF, b"late", mask=None),
    ],
    ids=["text", "64 KiB", "ping", "close", "continuation", "nonsense"],
)
def test_nothing_after_a_close_is_answered(peer: RawPeer, late: bytes, step: int) -> None:
    if step == 1:
        late = late[:100]
    say(peer, whole(CLOSE, status(1000)), late, step=step)
    closes(peer, 1000)


def test_close_within_a_message_drops_what_had_come_of_it(peer: RawPeer) -> None:
    say(peer, part(TEXT, "half a mess"), whole(CLOSE, status(1000)), whole(CONTINUATION, "age"))
    closes(peer, 1000)


def test_messages_before_a_close_come_back_before_it(peer: RawPeer) -> None:
    say(peer, *(whole(TEXT, str(n)) for n in range(100)), whole(CLOSE, status(1000)))
    assert [peer.read_frame() for _ in range(100)] == [(TEXT, b"%d" % n) for n in range(100)]
    closes(peer, 1000)


# --- 10: automatic fragmentation ----------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 1300, 65_536])
@pytest.mark.parametrize("step", [ALL_AT_ONCE, 997])
def test_large_message_in_fragments_of_any_size_comes_back(
    peer: RawPeer, size: int, step: int
) -> None:
    payload = b"*" * (65_536 if size > 1 else 2048)
    starts = range(0, len(payload), size)
    fragments = [part(CONTINUATION, payload[start : start + size]) for start in starts]
    say(peer, part(TEXT), *fragments, whole(CONTINUATION), step=step)
    assert peer.read_frame() == (TEXT, payload)
