"""The bench: the files of a page, as it finds them, and the servers that it measures."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bench.page import crawl, save

SITE = {
    "index.html": """<link rel="stylesheet" href="/s/a.css"><link rel="icon" href="i.svg">
        <link rel="apple-touch-icon" href="home.png"><link rel="modulepreload" href="/s/early.js">
        <a href="/elsewhere">no</a><script type="module" src="/s/main.js"></script>""",
    "s/a.css": """/* url(no.png) */ @import "b.css"; p { background: url(bg.png) }
        q { background: url("data:image/png;base64,AA") }""",
    "s/b.css": "",
    "s/bg.png": "",
    "s/main.js": """import{a as b}from"./one.js";import"./two.js";export*from './three.js';
        import { c,
          d } from "./four.js"
        const later = () => import("./later.js"); const words = 'import "./no.js"';
        export const e = "./neither.js";""",
    "s/early.js": "",
    "s/one.js": 'import "./main.js";\nimport x from "./five.js";',
    "s/two.js": "",
    "s/three.js": "",
    "s/four.js": "",
    "s/five.js": "",
    "i.svg": "",
}


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing."""


def _serve(folder: Path) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[int]:
    """Serve SITE; give the port."""
    for name, text in SITE.items():
        file = tmp_path / "site" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    yield from _serve(tmp_path / "site")


def test_all_that_a_page_names_is_found_and_nothing_else(site: int) -> None:
    page = crawl(site)
    assert set(page.names) == {"/"} | {f"/{name}" for name in SITE} - {"/index.html"}
    assert page.names["/s/a.css"] == ("/s/b.css", "/s/bg.png")


def test_a_saved_page_is_the_same_files_again(site: int, tmp_path: Path) -> None:
    save(crawl(site), tmp_path / "copy")
    copied = {
        str(file.relative_to(tmp_path / "copy")): file.read_text()
        for file in (tmp_path / "copy").rglob("*")
        if file.is_file()
    }
    assert copied == SITE


def test_a_file_that_is_named_and_missing_is_said(site: int, tmp_path: Path) -> None:
    (tmp_path / "site" / "s" / "five.js").unlink()
    with pytest.raises(RuntimeError, match=r"/s/five\.js was answered with 404"):
        crawl(site)


# --- a short run of the servers -----------------------------------------------------

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the bench needs Linux")
# They need Go, which a newcomer need not have.
GO = pytest.param("go", marks=pytest.mark.long)
GO_DURABLE = pytest.param("go-durable", marks=pytest.mark.long)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> object:
    """Give a server by its name."""
    from bench.servers import SERVERS

    found = next(server for server in SERVERS if server.name == request.param)
    assert not found.missing(), found.missing()
    return found


@ON_LINUX
@pytest.mark.parametrize("server", ["tchat", GO, GO_DURABLE, "bare"], indirect=True)
def test_every_connection_of_a_measured_server_gets_every_message(server: object) -> None:
    from bench.shapes import throughput

    # It raises LoadFailed if a message is missing, doubled or out of order.
    assert throughput(server, 1.0, rooms=2, per_room=3)["deliveries_per_s"] > 0


@ON_LINUX
@pytest.mark.parametrize("server", ["tchat", GO_DURABLE], indirect=True)
def test_a_lone_post_is_written_to_the_disk(server: object) -> None:
    from bench.shapes import lone

    assert lone(server, 0.2)["written_kib"] > 0


@ON_LINUX
@pytest.mark.parametrize("server", [GO_DURABLE], indirect=True)
def test_the_durable_go_peer_has_what_it_showed_after_it_was_killed(server: object) -> None:
    from bench.load import Load
    from bench.process import Job, Running
    from bench.wire import seats

    running = Running(server, Job(3))
    crowd, again = (Load(running.port, server.dialect) for _ in range(2))
    try:
        running.start()
        crowd.join(seats(1, 3), in_flight=1, within_s=10)
        crowd.settle()
        crowd.watch([0, 1], [2])
        window = crowd.closed_loop([0, 1], warm_up_s=0, window_s=0.2, meter=running.cpu_s)
        crowd.verify(window)
        running.kill()
        running.start()
        again.join(seats(1, 1), in_flight=1, within_s=10)
        assert json.loads(again.welcomes()[0])["seq"] == crowd.posted()
    finally:
        crowd.close()
        again.close()
        running.close()
