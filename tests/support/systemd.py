"""A real systemd that runs the units of deploy/, and nothing else: process 1 of its own namespaces.

It needs root on Linux. It shares the network with the tests. What it must find elsewhere than on a
real machine is mounted for it alone: the program at /opt/tchat, with a Python beside it, because a
service cannot look into /root; a copy of /etc, with the user `tchat` and
/etc/tchat.env; an empty /run and /var/lib. When it is killed, its processes and mounts are gone.
"""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.support.nginx import deployed
from tests.support.servers import ChatServer
from tests.support.waiting import wait_until

#: What systemd starts by itself, and what units are ordered after.
_TARGETS = ("basic", "multi-user", "network-online", "shutdown", "sockets", "sysinit")
_SERIES = f"python{sys.version_info.major}.{sys.version_info.minor}"
_PACKAGES = f".venv/lib/{_SERIES}/site-packages"
_TREES = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
_CALL_S = 90.0

# The second part runs as a child in a control group of its own, which is the top one there.
_OUTSIDE = """set -e
mkdir {group} && echo $$ >{group}/cgroup.procs
exec unshare --pid --cgroup --uts --mount-proc --fork --kill-child sh {folder}/inside
"""
_INSIDE = """set -e
mount -t cgroup2 none /sys/fs/cgroup
mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys
mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /opt && mkdir /opt/python /opt/tchat
mount --bind {python} /opt/python
mount --bind {program} /opt/tchat
mount --bind {packages} {mounted_packages}
mount --bind {folder}/lib /var/lib
cp -a /etc /run/etc && mount --bind /run/etc /etc
echo tchat:x:64998:64998::/opt/tchat:/bin/false >>/etc/passwd && echo tchat:x:64998: >>/etc/group
install --mode=600 {folder}/tchat.env /etc/tchat.env
export container=tests SYSTEMD_UNIT_PATH={folder}/units SYSTEMD_LOG_TARGET=null
exec /usr/lib/systemd/systemd --system --unit=multi-user.target
"""


class Service(ChatServer):
    """Tchat as systemd starts it from deploy/tchat.socket and deploy/tchat.service."""

    def __init__(self, folder: Path, program: Path, environment: str) -> None:
        """Prepare, without starting; `environment` is what /etc/tchat.env has."""
        super().__init__(folder)
        self._folder = folder
        self.database = folder / "lib/tchat/tchat.db"
        tree = next(each for each in _TREES if (each / "cgroup.controllers").is_file())
        self._group = tree / f"tchat-{self.port}"
        names = {
            "folder": folder,
            "group": self._group,
            "program": program,
            "python": sys.base_prefix,
            "packages": sysconfig.get_path("purelib"),
            "mounted_packages": f"/opt/tchat/{_PACKAGES}",
        }
        self._write("outside", _OUTSIDE, names)
        self._write("inside", _INSIDE, names)
        self._write("tchat.env", environment, {})
        self._write("units/tchat.service", deployed("tchat.service"), {})
        listen = ("127.0.0.1:8080", f"127.0.0.1:{self.port}")
        self._write("units/tchat.socket", deployed("tchat.socket", listen), {})
        for target in _TARGETS:
            self._write(f"units/{target}.target", "[Unit]\n", {})
        self._write("units/sockets.target.d/tchat.conf", "[Unit]\nWants=tchat.socket\n", {})
        wanted = "[Unit]\nWants=sockets.target tchat.service\n"
        self._write("units/multi-user.target.d/tchat.conf", wanted, {})
        # There is no journal. And a Python that was built elsewhere looks there for its library.
        here = f"StandardOutput=append:{self.output}\nStandardError=inherit\n"
        here += "Environment=LD_LIBRARY_PATH=/opt/python/lib\n"
        self._write("units/tchat.service.d/here.conf", f"[Service]\n{here}", {})
        (folder / "lib").mkdir()
        _make_environment(program)
        self._command = ["unshare", "--mount", "sh", str(folder / "outside")]

    def _write(self, name: str, text: str, names: dict[str, object]) -> None:
        file = self._folder / name
        file.parent.mkdir(exist_ok=True, parents=True)
        quoted = {key: shlex.quote(str(value)) for key, value in names.items()}
        file.write_text(text.format(**quoted) if names else text)

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command where systemd runs, to its end."""
        assert self.process is not None
        # The one child of `unshare --fork`, which has become systemd.
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        enter = ("nsenter", "--target", found.strip(), "--mount", "--pid", "--cgroup")
        return subprocess.run(
            [*enter, *command], capture_output=True, text=True, check=False, timeout=_CALL_S
        )

    def systemctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Tell systemd to do something, and wait until it is done."""
        return self.inside("systemctl", "--no-pager", *arguments)

    def show(self, name: str) -> str:
        """Give what systemd knows of the service, like its `MainPID`."""
        return self.systemctl("show", "--value", "--property", name, "tchat.service").stdout.strip()

    def end(self) -> None:
        """Kill systemd, and with it all that it started."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        if self._group.is_dir():
            # Processes of a namespace end a moment after its first one.
            wait_until(
                lambda: not (self._group / "cgroup.procs").read_text() and _remove(self._group)
            )


def _remove(group: Path) -> bool:
    """Remove a control group, with those that systemd made in it; tell whether it was empty."""
    try:
        for each in sorted(group.rglob("*/"), reverse=True):
            each.rmdir()
        group.rmdir()
    except OSError:  # something in it has not ended yet
        return False
    return True


def _make_environment(program: Path) -> None:
    """Make the environment that `make run` makes, with a Python that the service can reach."""
    (program / ".venv/bin").mkdir(parents=True)
    (program / _PACKAGES).mkdir(parents=True)
    (program / ".venv/pyvenv.cfg").write_text("home = /opt/python/bin\n")
    (program / ".venv/bin/python").symlink_to(f"/opt/python/bin/{_SERIES}")
    gunicorn = program / ".venv/bin/gunicorn"
    gunicorn.write_text(
        "#!/opt/tchat/.venv/bin/python\n"
        "import sys\nfrom gunicorn.app.wsgiapp import run\nsys.exit(run())\n"
    )
    gunicorn.chmod(0o755)
