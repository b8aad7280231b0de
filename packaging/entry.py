"""Start dist/chat-server: PyInstaller needs a script, and `python -m chat` is not one."""

from __future__ import annotations

import os

from chat.__main__ import main

# The default database is in Flask's instance folder. In the binary, that would be inside the
# directory into which the binary unpacks itself, and which it deletes when it stops.
os.environ["CHAT_DATABASE"] = os.environ.get("CHAT_DATABASE") or "instance/tchat.db"

main()
