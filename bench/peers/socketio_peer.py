"""The Flask-SocketIO peer, under gunicorn's gevent worker, as its documentation advises.

With REDIS_URL, it is one of several processes that share their rooms by its message queue in Redis.
Then Redis numbers the messages.
"""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime

from flask import Flask, request
from flask_socketio import SocketIO, emit, join_room
from redis import Redis

URL = os.environ.get("REDIS_URL")
# redis-py 8 gives up after 5 quiet seconds, and has 100 connections at most. The queue then listens
# again after a second, and loses what was published meanwhile.
if URL is not None:
    URL += "?socket_timeout=3600&max_connections=10000"

app = Flask(__name__)
socketio = SocketIO(
    app,
    async_mode="gevent",
    ping_interval=600,  # no ping during a measurement: its bytes would count as deliveries
    http_compression=False,
    message_queue=URL,
)
redis = Redis.from_url(URL) if URL else None

members: dict[str, tuple[str, dict[str, str]]] = {}
seqs: dict[str, int] = {}


def number(room: str) -> int:
    """Give the number of a room's next message."""
    if redis is not None:
        return redis.incr(f"seq:{room}")
    seqs[room] += 1
    return seqs[room]


@socketio.on("join")
def join(command: dict[str, str]) -> None:
    """Enter a room."""
    room, member = command["room"], {"id": secrets.token_urlsafe(16), "nick": command["nick"]}
    members[request.sid] = (room, member)
    join_room(room)
    emit("welcome", {"room": room, "seq": seqs.setdefault(room, 0), "member": member})


@socketio.on("post")
def post(command: dict[str, str]) -> None:
    """Give a message its number, and send it to everybody in the room."""
    room, member = members[request.sid]
    message = {
        "type": "message",
        "seq": number(room),
        "id": command["id"],
        "member": member,
        "text": command["text"],
        "at": datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
    }
    emit("message", message, to=room)


@socketio.on("disconnect")
def disconnect(*_reason: object) -> None:
    """Forget a connection."""
    members.pop(request.sid, None)
