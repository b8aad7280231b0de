"""Pages leave compressed. Files have been compressed by `make page`."""

from __future__ import annotations

import gzip
from functools import lru_cache

from werkzeug.datastructures import Accept
from werkzeug.wrappers import Response

_TEXTS = {"application/manifest+json", "text/html", "text/javascript"}
_PAGES = 64  # kept compressed, 6 KB each beside their text
_WORTH_BYTES = 512  # what is smaller fits the packet that leaves anyway


def compress(response: Response, accepted: Accept) -> Response:
    """Compress a response for whoever accepts gzip.

    What the page says is no secret next to what a stranger wrote: compression tells nothing.
    """
    if response.status_code != 200 or response.mimetype not in _TEXTS or response.is_streamed:
        return response
    response.vary.add("Accept-Encoding")
    body = response.get_data()
    if accepted.quality("gzip") > 0 and len(body) >= _WORTH_BYTES:
        response.set_data(_pack(body))
        response.content_encoding = "gzip"
    return response


@lru_cache(_PAGES)
def _pack(body: bytes) -> bytes:
    return gzip.compress(body, 9, mtime=0)
