"""`python -m chat`, and the one-file program `chat-server`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the chat; options beat the environment's settings."""
    parser = argparse.ArgumentParser(prog="chat-server", description="Serve the chat.")
    parser.add_argument("--host", help="address to listen on (HOST, 127.0.0.1)")
    parser.add_argument("--port", help="TCP port (PORT, 8080)")
    parser.add_argument("--database", help="the SQLite file (CHAT_DATABASE, instance/tchat.db)")
    options = parser.parse_args(arguments)
    if options.port and not options.host:
        # PORT from a platform opens the server to the network; a port given here does not.
        options.host = os.environ.get("HOST") or "127.0.0.1"
    for name, value in (
        ("HOST", options.host),
        ("PORT", options.port),
        ("CHAT_DATABASE", options.database),
    ):
        if value:
            os.environ[name] = value

    from chat.serving.start import serve

    serve()


if __name__ == "__main__":
    main()
