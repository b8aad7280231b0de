"""The Flask application: what is asked is found by its path alone."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask import Flask, Request
from jinja2.bccache import Bucket, FileSystemBytecodeCache
from werkzeug.routing import MapAdapter

WS_PATH = "/ws"


class Application(Flask):
    """An application that answers under any name, whatever the proxies in front add.

    By itself, Werkzeug answers 400 for a Host that is no name of the DNS, and for a page that is
    asked for with `Upgrade: websocket` or under a scheme like `wss`. Nothing here depends on
    these: a redirect leads to a path, and the `/ws` route looks at the handshake itself, of
    whatever method.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.jinja_options = {**self.jinja_options, "bytecode_cache": _Compiled(self.root_path)}
        self.url_map.merge_slashes = False  # by a redirect that names a host

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Bind the routes to a request's path and, but for `/ws`, its method."""
        if request is None:
            return super().create_url_adapter(request)
        is_ws = request.path == WS_PATH
        return self.url_map.bind(
            "localhost",  # in no answer: no route leads elsewhere
            script_name=request.root_path,
            url_scheme="ws" if is_ws else "http",
            default_method="GET" if is_ws else request.method,
            path_info=request.path,
        )


class _Compiled(FileSystemBytecodeCache):
    """The compiled templates, beside Python's own files: with them a server starts sooner.

    Jinja compares each with its template.
    """

    def __init__(self, package: str) -> None:
        super().__init__(str(Path(package, "__pycache__")), "%s.jinja")

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep one, where Python keeps its own."""
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                super().dump_bytecode(bucket)
