"""Serve under a path, like `/chat/`, when a proxy in front shows the chat there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from chat.config import clean_prefix
from chat.web.refusals import Refusals, quoted

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication


class Prefixed:
    """An application under a path: what it answers with names addresses under that path.

    The path is SCRIPT_NAME's, as a trusted proxy's header says it for this request, or else as
    the setting says it for all. It does not matter whether the proxy takes it off the address
    that it passes on: some do, some do not.
    """

    def __init__(self, application: WSGIApplication, prefix: str, refusals: Refusals) -> None:
        self._application = application
        self._prefix = prefix
        self._refusals = refusals

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Take the path off what was asked for, and tell the application where it is."""
        prefix = self._prefix
        if given := environ.get("SCRIPT_NAME"):
            try:
                prefix = clean_prefix(given)
            except ValueError:
                self._refusals.note(
                    "prefix",
                    f"The prefix {quoted(given)} that the reverse proxy sends is not used: it must "
                    "look like /chat (X-Forwarded-Prefix or SCRIPT_NAME)",
                )
        environ["SCRIPT_NAME"] = prefix
        path = environ.get("PATH_INFO", "")
        if path == prefix or path.startswith(f"{prefix}/"):
            environ["PATH_INFO"] = path[len(prefix) :]
        return self._application(environ, start_response)
