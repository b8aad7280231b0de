"""Texts leave as they were prepared once, compressed. Files have been compressed by `make page`."""

from __future__ import annotations

import gzip
import hashlib

from werkzeug.wrappers import Request, Response

_WORTH_BYTES = 512  # what is smaller fits the packet that leaves anyway
_TAG_BYTES = 12


class Prepared:
    """A text as it leaves, plain and compressed; its ETag lets a reload cost a head alone.

    What the page says is no secret next to what a stranger wrote: compression tells nothing.
    """

    def __init__(self, text: str, kind: str) -> None:
        """Prepare a text of a media type, like text/html."""
        self._plain = text.encode()
        self._packed = gzip.compress(self._plain, 9, mtime=0)
        self._kind = kind
        self._tag = hashlib.blake2b(self._plain, digest_size=_TAG_BYTES).hexdigest()

    def fill(self, response: Response, request: Request) -> None:
        """Put the text into an answer, compressed if the request accepts that; or answer 304."""
        packs = request.accept_encodings.quality("gzip") > 0 and len(self._plain) >= _WORTH_BYTES
        response.set_data(self._packed if packs else self._plain)
        response.mimetype = self._kind
        if packs:
            response.content_encoding = "gzip"
        response.set_etag(f"{self._tag}-gzip" if packs else self._tag)
        response.vary.add("Accept-Encoding")
        response.cache_control.no_cache = True  # asked for each time, so that an update shows
        response.make_conditional(request)
