"""A real nginx in front of servers, and the files of deploy/ that tell it what to do."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.support.daemons import Daemon
from tests.support.servers import ROOT, free_port

_KINDS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Nginx(Daemon):
    """An nginx with what belongs into `http { … }`; `{port}` stands for its port there.

    It listens on a free port of loopback, or on another address, by way of a command that runs it
    `inside` another machine.
    """

    def __init__(
        self,
        folder: Path,
        site: str,
        *,
        address: tuple[str, int] | None = None,
        inside: Sequence[str] = (),
    ) -> None:
        host, self.port = address or ("127.0.0.1", free_port(self))
        folders = " ".join(f"{kind}_temp_path {folder / kind};" for kind in _KINDS)
        (folder / "nginx.conf").write_text(
            f"daemon off; master_process off; pid {folder}/pid; events {{}}\n"
            f"http {{ access_log off; {folders}\n{site.replace('{port}', str(self.port))} }}\n"
        )
        # Debian's nginx, which tools/need.sh unpacks if none is installed.
        program = shutil.which("nginx") or ROOT / "build/nginx/usr/sbin/nginx"
        command = (*inside, program, "-e", "stderr", "-c", folder / "nginx.conf")
        super().__init__(folder, command, (host, self.port))

    @property
    def url(self) -> str:
        """Give the address of the site, without TLS."""
        return f"http://127.0.0.1:{self.port}"


def around(port: int) -> str:
    """Read what deploy/nginx.conf has for `http { … }`: where Tchat is, and zones of limits."""
    site = deployed("nginx.conf", ("127.0.0.1:8080", f"127.0.0.1:{port}"))
    return site.partition("server {")[0]


def deployed(file: str, *changes: tuple[str, str]) -> str:
    """Read a file of deploy/, with what is another thing here."""
    text = (ROOT / "deploy" / file).read_text()
    for there, here in changes:
        assert there in text
        text = text.replace(there, here)
    return text
