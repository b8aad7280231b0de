"""What every answer tells the browser that gets it."""

from __future__ import annotations

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
}

# Of those, what says something about an answer that is no document.
PART = {"X-Content-Type-Options": "nosniff"}

# The service worker fetches from here, and does nothing else.
WORKER_POLICY = "default-src 'none'; connect-src 'self'; require-trusted-types-for 'script'"
