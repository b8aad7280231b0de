"""The `/ws` route and hostile peers: every trap of this stack has a test here."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from chat.client.ids import new_id
from tests.support.client import Client
from tests.support.raw import BINARY, CLOSE, PING, PONG, TEXT, RawPeer
from tests.support.servers import ChatServer


@pytest.fixture
def peer(server: ChatServer) -> Iterator[RawPeer]:
    with RawPeer(server) as peer:
        yield peer


@pytest.fixture(autouse=True)
def bystander(server: ChatServer) -> Iterator[None]:
    """Talk on one connection before and after each test, to prove that it is not disturbed."""
    with Client(server.ws_url) as client:
        client.join(room=f"bystander-{new_id().lower()}")
        client.post("before")
        yield
        client.post("after")
        assert client.texts() == ["before", "after"]


# --- the handshake -----------------------------------------------------------------------


@pytest.mark.parametrize("origin", ["", "http://{host}", "https://{host}"])
def test_our_own_page_and_programs_without_origin_may_connect(peer: RawPeer, origin: str) -> None:
    host = f"127.0.0.1:{peer.server.port}"
    assert peer.handshake(Origin=origin.format(host=host))[0] == 101


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1", "x", "http://["],
)
def test_foreign_origin_is_refused_before_the_upgrade(peer: RawPeer, origin: str) -> None:
    assert peer.handshake(Origin=origin)[0] == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_WebSocket_Version": "8"}, 426),
        ({"Sec_WebSocket_Version": ""}, 426),
        ({"Sec_WebSocket_Key": ""}, 400),
        ({"Sec_WebSocket_Key": "short"}, 400),
        ({"Upgrade": ""}, 400),
        ({"Upgrade": "h2c"}, 400),
        ({"Connection": ""}, 400),
        ({"Host": ""}, 400),
    ],
)
def test_malformed_handshake_is_refused(
    peer: RawPeer, headers: dict[str, str], status: int
) -> None:
    assert peer.handshake(**headers)[0] == status


def test_compression_is_never_agreed(peer: RawPeer) -> None:
    status, head = peer.handshake(Sec_WebSocket_Extensions="permessage-deflate")
    assert status == 101
    assert "sec-websocket-extensions" not in head


def test_peer_that_resets_during_the_handshake_leaves_no_trace(server: ChatServer) -> None:
    for _ in range(100):  # some of them at the moment when the answer is written
        with RawPeer(server) as peer:
            peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.sock.sendall(
                b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
    while server.status()["connected_users"] != 1:  # the bystander
        pass  # bounded by the test's timeout; each turn is a request


# --- frames --------------------------------------------------------------------------------


def join(peer: RawPeer, room: str = "raw") -> dict[str, object]:
    peer.command(type="join", room=room)
    return peer.event("welcome")


def test_message_in_fragments_is_one_message_and_pings_may_come_between(peer: RawPeer) -> None:
    peer.open()
    join(peer)
    text = json.dumps({"type": "post", "id": "f1", "text": "é" * 100}, ensure_ascii=False).encode()
    for index in range(len(text)):  # also within a character
        peer.frame(text[index : index + 1], first=TEXT if index == 0 else 0x0)
        if index == 40:
            peer.frame(b"still there?", PING)
    peer.frame(b"", first=0x80)
    assert peer.read_frame() == (PONG, b"still there?")
    assert peer.event("message")["text"] == "é" * 100


@pytest.mark.parametrize(
    ("payload", "opcode", "options", "code"),
    [
        (b"x", BINARY, {}, 1003),
        (b"\xff\xfe", TEXT, {}, 1007),
        (b'"\xed\xa0\x80"', TEXT, {}, 1007),  # a surrogate in UTF-8
        (b"x" * (16 * 1024 + 1), TEXT, {}, 1009),
        (b"{}", TEXT, {"mask": False}, 1002),
        (b"{}", TEXT, {"first": 0xC1}, 1002),  # a reserved bit
        (b"{}", TEXT, {"first": 0x83}, 1002),  # a reserved opcode
        (b"{}", TEXT, {"first": 0x80}, 1002),  # a continuation without a beginning
        (b"x" * 126, PING, {}, 1002),
        (b"x", PING, {"first": 0x09}, 1002),  # a fragmented ping
        (b"\x03", CLOSE, {}, 1002),  # half a close code
        (b"\x03\xe8\xff", CLOSE, {}, 1007),
    ],
)
def test_wrong_frame_is_closed_with_its_code(
    peer: RawPeer, payload: bytes, opcode: int, options: dict[str, object], code: int
) -> None:
    peer.open()
    join(peer)
    peer.frame(payload, opcode, **options)  # type: ignore[arg-type]
    assert peer.close_code() == code


def test_message_over_16_kib_in_fragments_is_closed_with_1009(peer: RawPeer) -> None:
    peer.open()
    peer.frame(b"x" * 10_000, first=TEXT)
    peer.frame(b"x" * 10_000, first=0x0)
    assert peer.close_code() == 1009


def test_announced_gigabyte_is_closed_before_it_comes(peer: RawPeer) -> None:
    peer.open()
    peer.sock.sendall(b"\x81\xff" + (1 << 30).to_bytes(8) + b"\0\0\0\0" + b"x" * 20_000)
    assert peer.close_code() == 1009


@pytest.mark.parametrize("payload", [b"", b"\x03\xe8", b"\x03\xe9bye", b"\x0f\xa0"])
def test_close_is_answered_with_the_same_code_and_the_end_of_stream(
    peer: RawPeer, payload: bytes
) -> None:
    peer.open()
    join(peer)
    peer.frame(payload, CLOSE)
    while (frame := peer.read_frame())[0] != CLOSE:
        pass
    assert frame[1] == payload[:2]
    assert peer.at_end()


@pytest.mark.parametrize(
    "text",
    [
        "[" * 16_000,
        '{"x":' * 3000,
        '{"type":"post","id":"x","text":' + "[" * 8000 + "]" * 8000 + "}",
        '{"type":"history","before":' + "9" * 5000 + "}",
        '{"type":"history","before":9223372036854775808}',
        '{"type":"history","before":NaN}',
        '{"type":"history","before":1e999}',
        '{"type":"post","id":"x","text":"\\ud800"}',
        '{"type":"post","id":"x\\u0000","text":"x"}',
        '{"type":"post","id":["x"],"text":"x"}',
        '{"type":"join"}{"type":"join"}',
        "null",
        "",
        "\x00",
    ],
)
def test_json_trap_is_answered_with_an_error_and_the_connection_stays(
    peer: RawPeer, text: str
) -> None:
    peer.open()
    join(peer, room="traps")
    peer.frame(text.encode())
    assert peer.event("error")["code"] in ("bad_json", "bad_command")
    peer.command(type="ping")
    peer.event("pong")


def test_text_beyond_the_bmp_comes_back_as_it_was_but_for_nul(peer: RawPeer) -> None:
    peer.open()
    join(peer, room="odd-text")
    peer.command(type="post", id="odd", text="a\x00b \U0001f600 \u202e")
    assert peer.event("message")["text"] == "ab \U0001f600 \u202e"


def test_cut_in_mid_frame_frees_the_place(server: ChatServer) -> None:
    before = server.status()["connected_users"]
    with RawPeer(server) as peer:
        peer.open()
        join(peer)
        assert server.status()["connected_users"] == int(str(before)) + 1
        peer.sock.sendall(b"\x81\xfe\x01")
    while server.status()["connected_users"] != before:
        pass  # bounded by the test's timeout; each turn is a request


def test_sixty_megabytes_from_one_client_end_in_a_close(server: ChatServer) -> None:
    text = json.dumps({"type": "post", "id": "x", "text": "y" * 14_000}).encode()
    frame = b"\x81\xfe" + len(text).to_bytes(2) + b"\0\0\0\0" + text
    codes: list[int | None] = []
    with RawPeer(server) as flooder:
        flooder.open()
        join(flooder, room="flood")
        reader = threading.Thread(target=lambda: codes.append(flooder.close_code()))
        reader.start()
        with suppress(BrokenPipeError, ConnectionResetError):
            flooder.sock.sendall(frame * (60_000_000 // len(frame)))
        reader.join()
    assert codes == [1008]
