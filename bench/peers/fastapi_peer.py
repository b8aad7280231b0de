"""The FastAPI peer: uvicorn on uvloop, one ordered loop of `send_text` per message."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass
class Room:
    """A room: its sockets, and the count of its messages."""

    seq: int = 0
    sockets: set[WebSocket] = field(default_factory=set)
    # Held while a message is numbered and sent: all see one order.
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def deliver(self, message: dict[str, object]) -> None:
        """Give a message its number, and send it to everybody."""
        async with self.lock:
            self.seq += 1
            text = _encode({"type": "message", "seq": self.seq, **message})
            for socket in tuple(self.sockets):
                try:
                    await socket.send_text(text)
                except (WebSocketDisconnect, RuntimeError):
                    self.sockets.discard(socket)


rooms: dict[str, Room] = {}
app = FastAPI()


@app.websocket("/ws")
async def chat(socket: WebSocket) -> None:
    """Serve one connection."""
    await socket.accept()
    room, member = None, None
    try:
        while True:
            command = json.loads(await socket.receive_text())
            if command["type"] == "join" and room is None:
                member = {"id": secrets.token_urlsafe(16), "nick": command["nick"]}
                room = rooms.setdefault(command["room"], Room())
                async with room.lock:
                    room.sockets.add(socket)
                    welcome = {"type": "welcome", "room": command["room"], "seq": room.seq}
                    await socket.send_text(_encode({**welcome, "member": member}))
            elif command["type"] == "post" and room is not None:
                at = datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
                post = {"id": command["id"], "member": member, "text": command["text"], "at": at}
                await room.deliver(post)
    except WebSocketDisconnect:
        pass
    finally:
        if room is not None:
            room.sockets.discard(socket)


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_level="warning",
    )
