"""The naive peer: Flask-Sock, one lock and a loop, as a tutorial would write it.

The page is files in a folder, given by Flask's own route for them.
"""

from __future__ import annotations

import json
import os
import secrets
from datetime import UTC, datetime
from threading import Lock

from flask import Flask, Response
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server

app = Flask(__name__, static_folder=os.environ["PAGE"], static_url_path="")
sock = Sock(app)

lock = Lock()
rooms: dict[str, list[Server]] = {}
seqs: dict[str, int] = {}


@app.get("/")
def page() -> Response:
    """Give the page."""
    return app.send_static_file("index.html")


@sock.route("/ws")
def chat(ws: Server) -> None:
    """Serve one connection."""
    room, member = None, None
    try:
        while True:
            command = json.loads(ws.receive())
            if command["type"] == "join":
                room = command["room"]
                member = {"id": secrets.token_urlsafe(16), "nick": command["nick"]}
                with lock:
                    rooms.setdefault(room, []).append(ws)
                    seq = seqs.setdefault(room, 0)
                    welcome = {"type": "welcome", "room": room, "seq": seq, "member": member}
                    ws.send(json.dumps(welcome, separators=(",", ":")))
            elif command["type"] == "post":
                with lock:
                    seqs[room] += 1
                    message = {
                        "type": "message",
                        "seq": seqs[room],
                        "id": command["id"],
                        "member": member,
                        "text": command["text"],
                        "at": datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
                    }
                    text = json.dumps(message, separators=(",", ":"))
                    for client in list(rooms[room]):
                        try:
                            client.send(text)
                        except ConnectionClosed:
                            rooms[room].remove(client)
    finally:
        with lock:
            if room is not None and ws in rooms[room]:
                rooms[room].remove(ws)
