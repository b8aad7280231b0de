"""The files of the built page, given without Flask: compressed beforehand, kept for good."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.headers import Headers

from whitenoise import WhiteNoise
from whitenoise.responders import Response, StaticFile

from chat.web.headers import DOCUMENT, PART

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

# `make page` puts a hash of its content into a file's name: what has another content has
# another name.
_HASHED = r"-[0-9A-Z]{8}\.\w+$"

# While servers are replaced one by one, some have another version of the page. Whoever asks one of
# them for a file that it does not have asks again: a load balancer gives each request to another.
# The later page (web/pages.py) belongs to a version as the files do.
_OF_A_VERSION = re.compile(rf"/static/.*{_HASHED}|/later/[0-9a-f]{{16}}/\w+")
_AGAIN = re.compile(r"again=([0-9]{1,2})")
_TRIES = 10  # browsers follow 20 such answers


class Files(WhiteNoise):  # type: ignore[misc]
    """The built page's files in front of an application, as they were when the server started.

    They are read once: a `git pull` under a running server takes away files that its pages,
    which it made at the start too, still name.
    """

    def __init__(
        self,
        application: WSGIApplication,
        folder: Path,
        names: Iterable[str],
        *,
        made: Collection[str] = (),
        are_many: bool = False,
    ) -> None:
        """Read the files; with `are_many`, other servers under this name may have other ones.

        `made`: the addresses of what belongs to the version too, and is the application's to give.
        """
        self._made = made
        self._are_many = are_many
        super().__init__(
            application,
            allow_all_origins=False,
            immutable_file_test=_HASHED,
        )
        for name in names:
            self.add_file_to_dictionary(f"/static/{name}", str(folder / name))

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer for a file, or let the application answer."""
        # A proxy that cuts `/chat` off `/chat/static/…`, where it means `/chat/`, leaves `//`.
        path = f"/{environ.get('PATH_INFO', '').lstrip('/')}"
        file = self.files.get(path)
        answer: Iterable[bytes]
        if file is not None:
            answer = self.serve(file, environ, start_response)
        elif self._may_be_elsewhere(path) and (tried := _tried(path, environ)) < _TRIES:
            answer = _ask_again(tried + 1, start_response)
        else:
            answer = self.application(environ, start_response)
        return answer

    def _may_be_elsewhere(self, path: str) -> bool:
        return self._are_many and path not in self._made

    def get_static_file(self, path: str, url: str, stat_cache: Any = None) -> StaticFile:
        """Make what answers for one file, with what is compressed beside it."""
        headers = Headers([])
        self.add_mime_headers(headers, path, url)
        self.add_cache_headers(headers, path, url)
        for name, value in (DOCUMENT if path.endswith(".svg") else PART).items():
            headers[name] = value
        return _HeldFile(path, headers.items(), {"gzip": f"{path}.gz", "br": f"{path}.br"})


def _tried(path: str, environ: Mapping[str, Any]) -> int:
    """Tell how often a request was sent again; as often as it may be, for what is no such file."""
    if not _OF_A_VERSION.fullmatch(path):
        return _TRIES
    query = environ.get("QUERY_STRING", "")
    again = _AGAIN.fullmatch(query)
    return int(again[1]) if again else _TRIES if query else 0


def _ask_again(number: int, start_response: StartResponse) -> Iterable[bytes]:
    headers = {"Location": f"?again={number}", "Cache-Control": "no-store", **PART}
    start_response("307 Temporary Redirect", [*headers.items(), ("Content-Length", "0")])
    return []


class _HeldFile(StaticFile):  # type: ignore[misc]
    """A file and its compressed forms, in memory."""

    def __init__(
        self, path: str, headers: list[tuple[str, str]], encodings: Mapping[str, str]
    ) -> None:
        super().__init__(path, headers, encodings)
        self._contents = {each: Path(each).read_bytes() for _, each, _ in self.alternatives}

    def get_response(self, method: str, request_headers: Mapping[str, str]) -> Response:
        """Answer; a GET as StaticFile does, but from memory, and always with the whole file."""
        if method != "GET":
            return super().get_response(method, request_headers)
        if self.is_not_modified(request_headers):
            return self.not_modified_response
        path, headers = self.get_path_and_headers(request_headers)
        return Response(HTTPStatus.OK, headers, BytesIO(self._contents[path]))
