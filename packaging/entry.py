"""Start dist/chat-server: PyInstaller wants a script, and `python -m chat` is none."""

from __future__ import annotations

import os

from chat.__main__ import main

# The default database is in Flask's instance folder: here that would be inside the
# directory that the binary unpacks itself into, and deletes when it stops.
os.environ["CHAT_DATABASE"] = os.environ.get("CHAT_DATABASE") or "instance/tchat.db"

main()
