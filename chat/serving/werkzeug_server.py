"""Werkzeug's server (`flask run`, Windows): what it answers and logs tells less than by itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from werkzeug import serving

from chat.names.addresses import Told, peer_in_log


def tell_less(told: Told) -> None:
    """Let Werkzeug's server tell no version, and of addresses what the log may say."""

    class Request(serving.WSGIRequestHandler):
        """What Werkzeug does with one connection."""

        def version_string(self) -> str:
            """Give what the answer's Server says."""
            return "Werkzeug"

        def parse_request(self) -> bool:
            """Read a request's head; Werkzeug fails at an address with half of a bracket."""
            if not super().parse_request():
                return False
            try:
                urlsplit(self.path)
            except ValueError:
                self.send_error(400)
                return False
            return True

        def make_environ(self) -> dict[str, Any]:
            """Give the request's environment, with the peer's address as it is."""
            return {**super().make_environ(), "REMOTE_ADDR": str(self.client_address[0])}

        def address_string(self) -> str:
            """Give what a line of the log begins with."""
            unread = {"REMOTE_ADDR": super().address_string()}
            return peer_in_log(getattr(self, "environ", None) or unread, told)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Log a request without its query, in which anybody may write anything."""
            self.path = getattr(self, "path", "").partition("?")[0]
            super().log_request(code, size)

        def send_error(self, code: int, *words: str | None) -> None:
            """Answer what could not be read; none of it is repeated, not in the log either."""
            self.requestline = ""
            super().send_error(code)

    serving.WSGIRequestHandler = Request  # type: ignore[misc]
