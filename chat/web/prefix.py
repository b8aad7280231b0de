"""Serve as a proxy in front shows the chat: under a path, like `/chat/`, and with TLS."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.middleware.proxy_fix import ProxyFix

from chat.config import clean_prefix
from chat.web.headers import has_tls, strict
from chat.web.refusals import Refusals, quoted

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication


class TrustedProxies(ProxyFix):
    """What the nearest proxies say in their headers; what was there before is a stranger's."""

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Take the peer's address and the path from the values that the proxies have added."""
        # Werkzeug takes what is between quotes for one value, commas and all. Whoever opens one
        # would swallow what the proxies add, and so choose which value is counted as theirs.
        if '"' in (written := environ.get("HTTP_X_FORWARDED_FOR", "")):
            environ["HTTP_X_FORWARDED_FOR"] = written.replace('"', "")
        return super().__call__(environ, start_response)


class Prefixed:
    """An application behind a proxy: its answers name addresses under the path that is shown.

    The path is SCRIPT_NAME's, as a trusted proxy's header says it for this request, or else as
    the setting says it for all. It does not matter whether the proxy takes it off the address
    that it passes on: some do, some do not.
    """

    def __init__(
        self, application: WSGIApplication, prefix: str, refusals: Refusals, *, is_proxied: bool
    ) -> None:
        """Serve under `prefix`; `is_proxied`: what X-Forwarded-Proto says is a proxy's word."""
        self._application = application
        self._prefix = prefix
        self._is_proxied = is_proxied
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
        if self._is_proxied and has_tls(environ):
            start_response = strict(start_response)
        return self._application(environ, start_response)
