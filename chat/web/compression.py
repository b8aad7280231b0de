"""Answers that are texts leave compressed: each file once, for all visitors.

Flask-Compress 1.25 would do it anew for each of them, and leaves the files that it was given
open until they are collected.
"""

from __future__ import annotations

import gzip
from functools import lru_cache

from werkzeug.datastructures import Accept
from werkzeug.wrappers import Response

_TEXTS = {
    "application/json",
    "application/manifest+json",
    "image/svg+xml",
    "text/css",
    "text/html",
    "text/javascript",
}
_WORTH_BYTES = 512  # what is smaller fits the packet that leaves anyway
_FILES = 256  # compressed files kept in memory; all together they have less than a megabyte


def compress(response: Response, accepted: Accept) -> Response:
    """Compress a response for whoever accepts gzip.

    What the page says is no secret next to what a stranger wrote: compression tells nothing.
    """
    if response.status_code != 200 or response.mimetype not in _TEXTS:
        return response
    response.vary.add("Accept-Encoding")
    if accepted.quality("gzip") <= 0 or response.content_encoding is not None:
        return response
    response.direct_passthrough = False  # a file's, which is read here
    body = response.get_data()
    if len(body) < _WORTH_BYTES:
        return response
    etag, _ = response.get_etag()
    if etag is None:
        response.set_data(gzip.compress(body, 5, mtime=0))
    else:
        response.set_data(_compress_file(body))
        response.set_etag(etag, weak=True)  # other bytes, the same meaning
    response.content_encoding = "gzip"
    return response


@lru_cache(_FILES)
def _compress_file(body: bytes) -> bytes:
    return gzip.compress(body, 9, mtime=0)
