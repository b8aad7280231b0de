"""What every answer tells the browser that gets it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

# No answer is for the pages of other sites.
_OURS = {"Cross-Origin-Resource-Policy": "same-origin"}

# Load nothing from elsewhere, be framed by nobody, tell nobody where one comes from.
DOCUMENT = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
        "trusted-types dompurify tchat-worker"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    # What a script of ours never asks for, none that is not ours gets either.
    "Permissions-Policy": (
        "camera=(), display-capture=(), geolocation=(), hid=(), microphone=(), "
        "midi=(), payment=(), serial=(), usb=()"
    ),
    **_OURS,
}

# Of those, what says something about an answer that is no document.
PART = {"X-Content-Type-Options": "nosniff", **_OURS}

# The service worker fetches from here, and does nothing else.
WORKER_POLICY = "default-src 'none'; connect-src 'self'; require-trusted-types-for 'script'"

# For a year, browsers use TLS alone. What else there is below the name is not ours to say.
_STRICT = ("Strict-Transport-Security", "max-age=31536000")


def has_tls(environ: Mapping[str, Any]) -> bool:
    """Tell whether a proxy in front says that the browser speaks TLS with it.

    A stranger may say so too: browsers do not read the header that follows where there is no TLS.
    """
    said = environ.get("HTTP_X_FORWARDED_PROTO", "").lower().split(",")
    return "https" in map(str.strip, said)


def strict(start_response: StartResponse) -> StartResponse:
    """Let an answer tell the browser to come back with TLS only."""
    return lambda status, headers, *rest: start_response(status, [*headers, _STRICT], *rest)
