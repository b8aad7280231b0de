"""The Flask-SocketIO peer, under gunicorn's gevent worker, as its documentation advises."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from flask import Flask, request
from flask_socketio import SocketIO, emit, join_room

app = Flask(__name__)
# No Engine.IO ping during a measurement: its bytes would count as deliveries.
socketio = SocketIO(app, async_mode="gevent", ping_interval=600, http_compression=False)

members: dict[str, tuple[str, dict[str, str]]] = {}
seqs: dict[str, int] = {}


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
    seqs[room] += 1
    message = {
        "type": "message",
        "seq": seqs[room],
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
