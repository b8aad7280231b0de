"""The bare limit: a loop that only calls `send` with the same bytes on the same sockets.

`bare_peer.py PORT BATCH`: with BATCH > 0, the first post starts an endless loop that gives
every socket BATCH messages in one `send`. With BATCH 0, each post is answered by one loop
over the sockets, with one message in each `send`. `websockets` parses what comes.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

# As long as every server's.
_MEMBER = {"id": "0" * 22, "nick": "u00000"}
_AT = "2026-01-01T00:00:00.000Z"


def frame(event: dict[str, object]) -> bytes:
    """Encode an event as one text frame."""
    payload = json.dumps(event, separators=(",", ":")).encode()
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


def commands(data: bytes, sock: socket.socket, protocol: ServerProtocol) -> list[dict[str, str]]:
    """Give the commands in what has come, and answer a handshake."""
    found = []
    protocol.receive_data(data)
    for event in protocol.events_received():
        if isinstance(event, Request):
            protocol.send_response(protocol.accept(event))
            sock.sendall(b"".join(protocol.data_to_send()))
        elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
            found.append(json.loads(event.data))
    return found


def main() -> None:
    """Serve until killed."""
    port, batch = int(sys.argv[1]), int(sys.argv[2])
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    sends = []
    seq = 0
    while True:
        for key, _ in selector.select():
            if key.data is None:
                sock, _ = listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(sock, selectors.EVENT_READ, ServerProtocol())
                continue
            data = key.fileobj.recv(4096)
            if not data:  # the check that the port is open
                selector.unregister(key.fileobj)
                continue
            for command in commands(data, key.fileobj, key.data):
                if command["type"] == "join":
                    key.fileobj.sendall(frame({"type": "welcome"}))
                    sends.append(key.fileobj.sendall)
                    continue
                seq += 1
                message = {"type": "message", "seq": seq, "id": command["id"], "member": _MEMBER}
                frames = frame({**message, "text": command["text"], "at": _AT}) * max(1, batch)
                for send in sends:
                    send(frames)
                while batch:
                    for send in sends:
                        send(frames)


if __name__ == "__main__":
    main()
