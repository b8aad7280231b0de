"""A real nginx in front of a server, on a free port of loopback."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.support.servers import ROOT, free_port

WITHIN_S = 10.0
_KINDS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Nginx:
    """An nginx with what belongs into `http { … }`; `{port}` stands for its port there."""

    def __init__(self, folder: Path, site: str) -> None:
        self.port = free_port()
        self._folder = folder
        folders = " ".join(f"{kind}_temp_path {folder / kind};" for kind in _KINDS)
        (folder / "nginx.conf").write_text(
            f"daemon off; master_process off; pid {folder}/pid; events {{}}\n"
            f"http {{ access_log off; {folders}\n{site.replace('{port}', str(self.port))} }}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Give the address of the site, without TLS."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start nginx and wait until it accepts connections."""
        # Debian's nginx, which tools/need.sh unpacks if none is installed.
        program = shutil.which("nginx") or ROOT / "build/nginx/usr/sbin/nginx"
        with (self._folder / "output").open("wb") as output:
            self._process = subprocess.Popen(
                [program, "-e", "stderr", "-c", self._folder / "nginx.conf"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + WITHIN_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), WITHIN_S).close()
                return
            except ConnectionRefusedError:
                assert self._process.poll() is None, (self._folder / "output").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)  # bounded by the deadline: there is no event to wait for

    def end(self) -> None:
        """End nginx, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def limits() -> str:
    """Read what docs/nginx.conf has for `http { … }`: the zones of the limits."""
    return documented("nginx.conf").partition("server {")[0]


def documented(file: str, *changes: tuple[str, str]) -> str:
    """Read an example of the documentation, with what is another thing here."""
    site = (ROOT / "docs" / file).read_text()
    for there, here in changes:
        assert there in site
        site = site.replace(there, here)
    return site
