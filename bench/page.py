"""The files of a first visit: the page, the files that it names, and those that they name in turn.

This module knows no file by its name. It leaves out what scripts ask for later by `import()`, and
what the service worker fetches when the page has nothing else to do.
"""

from __future__ import annotations

import http.client
import re
import shutil
from collections import deque
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

#: Where a visit begins.
DOOR = "/"

_WITHIN_S = 10.0  # for one file
_MOST_FILES = 1000
# Without the icon of the home screen, because only a phone asks for it, and later.
_LOADED = {"stylesheet", "preload", "modulepreload", "icon", "manifest"}
# A static import or export of a module: `import()` and a string elsewhere do not match.
_IMPORT = re.compile(
    r"""(?:^|[;}\n])\s*(?:import|export)(?:[\w\s{},*$]*?\bfrom)?\s*["']([^"'\n]+)["']"""
)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_URL = re.compile(r"""url\(\s*["']?([^"')]+)["']?\s*\)|@import\s+["']([^"']+)["']""")


@dataclass(frozen=True)
class Page:
    """A page with its files, by path: the paths that each names, and its plain bytes."""

    names: dict[str, tuple[str, ...]]
    bodies: dict[str, bytes]


class _Document(HTMLParser):
    """The files that an HTML document names."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a browser fetches for an element."""
        given = {name: value or "" for name, value in attrs}
        if tag == "link" and _LOADED & set(given.get("rel", "").lower().split()):
            self.names.append(given.get("href", ""))
        elif (tag == "script" and "nomodule" not in given) or tag == "img":
            self.names.append(given.get("src", ""))


def crawl(port: int) -> Page:
    """Load the page of a server, and everything it names, each once."""
    names: dict[str, tuple[str, ...]] = {}
    bodies: dict[str, bytes] = {}
    wanted = deque([DOOR])
    while wanted:
        path = wanted.popleft()
        if path in bodies:
            continue
        if len(bodies) == _MOST_FILES:
            raise RuntimeError(f"the page names more than {_MOST_FILES} files")
        kind, bodies[path] = _fetch(port, path)
        names[path] = _named(path, kind, bodies[path])
        wanted.extend(names[path])
    return Page(names, bodies)


def save(page: Page, folder: Path) -> None:
    """Write a page's files into a folder that holds nothing else, under the paths they have."""
    shutil.rmtree(folder, ignore_errors=True)
    for path, body in page.bodies.items():
        name = urlsplit(path).path.lstrip("/")
        file = folder / (name + "index.html" if name.endswith("/") or not name else name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)


def _fetch(port: int, path: str) -> tuple[str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_WITHIN_S)
    try:
        connection.request("GET", path, headers={"Accept-Encoding": "identity"})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise RuntimeError(f"{path} could not be loaded: {error}") from None
    finally:
        connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{path} was answered with {answer.status}")
    return answer.headers.get_content_type(), body


def _named(path: str, kind: str, body: bytes) -> tuple[str, ...]:
    """Give the paths on the same server that a file names, in its order."""
    found: list[str] = []
    if kind == "text/html":
        document = _Document()
        document.feed(body.decode())
        found = document.names
    elif kind in ("text/javascript", "application/javascript"):
        found = _IMPORT.findall(body.decode())
    elif kind == "text/css":
        found = [url or name for url, name in _URL.findall(_COMMENT.sub("", body.decode()))]
    here = f"http://page{path}"
    urls = [urlsplit(urljoin(here, name)) for name in found if name]
    paths = [
        url.path + (f"?{url.query}" if url.query else "")
        for url in urls
        if (url.scheme, url.netloc) == ("http", "page")
    ]
    return tuple(dict.fromkeys(paths))
