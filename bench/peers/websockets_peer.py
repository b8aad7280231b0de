"""The websockets peer: asyncio on uvloop, `broadcast` to the room."""

from __future__ import annotations

import json
import secrets
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass
class Room:
    """A room: its connections, and the count of its messages."""

    seq: int = 0
    connections: set[ServerConnection] = field(default_factory=set)


rooms: dict[str, Room] = {}


async def chat(connection: ServerConnection) -> None:
    """Serve one connection."""
    room, member = None, None
    try:
        async for payload in connection:
            command = json.loads(payload)
            if command["type"] == "join" and room is None:
                member = {"id": secrets.token_urlsafe(16), "nick": command["nick"]}
                room = rooms.setdefault(command["room"], Room())
                room.connections.add(connection)
                welcome = {"type": "welcome", "room": command["room"], "seq": room.seq}
                await connection.send(_encode({**welcome, "member": member}))
            elif command["type"] == "post" and room is not None:
                room.seq += 1
                message = {
                    "type": "message",
                    "seq": room.seq,
                    "id": command["id"],
                    "member": member,
                    "text": command["text"],
                    "at": datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
                }
                broadcast(room.connections, _encode(message))
    finally:
        if room is not None:
            room.connections.discard(connection)


async def main() -> None:
    """Serve until killed."""
    options = {"compression": None, "max_size": 16 * 1024}
    async with serve(chat, "127.0.0.1", int(sys.argv[1]), **options) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
