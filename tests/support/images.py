"""Containers that a real engine (Podman) builds and runs, as root on Linux, without a registry.

What a registry has is made of what is on this machine: the image of Python has this Python, that of
Redis this Redis, and both have a few tools and the libraries that these need. All that the engine
keeps is in a folder; it knows nothing of other containers on this machine. Whoever uses it is in
namespaces of its own (network, mounts), which `make machines` makes.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from tests.support.machines import prepare

_SERIES = f"python{sys.version_info.major}.{sys.version_info.minor}"
#: What the files of this project use of a base image besides, and what the tests ask.
_TOOLS = ("cat", "env", "grep", "id", "install", "ls", "mkdir", "sh", "touch")
_CALL_S = 300.0
_STORAGE = (
    '[storage]\ndriver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n'
)
# It puts containers into no control group, and asks systemd for nothing.
_CONTAINERS = """[containers]
cgroups = "disabled"
default_ulimits = ["nofile={files}:{files}", "nproc=10000:10000"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
static_dir = "{folder}/static"
tmp_dir = "{folder}/tmp"
volume_path = "{folder}/volumes"
[network]
network_backend = "netavark"
network_config_dir = "{folder}/networks"
"""


class Engine:
    """Podman, with images and containers of its own."""

    def __init__(self, folder: Path) -> None:
        """Prepare; nothing is made yet."""
        prepare()
        # Podman wants the second version of control groups.
        subprocess.run(["mount", "-t", "cgroup2", "none", "/sys/fs/cgroup"], check=True)
        self._folder = folder
        folder.mkdir(parents=True)
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        for name, text in {"storage.conf": _STORAGE, "containers.conf": _CONTAINERS}.items():
            (folder / name).write_text(text.format(folder=folder, files=files))

    def podman(self, *arguments: object) -> str:
        """Run podman, and give what it prints; it has to succeed."""
        return self.run("podman", *arguments)

    def run(self, *command: object) -> str:
        """Run a command that may use the engine, and give what it prints; it has to succeed."""
        made = subprocess.run(
            [str(part) for part in command],
            env={
                **os.environ,
                "CONTAINERS_CONF": str(self._folder / "containers.conf"),
                "CONTAINERS_STORAGE_CONF": str(self._folder / "storage.conf"),
                "TMPDIR": str(self._folder),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_CALL_S,
        )
        assert made.returncode == 0, made.stdout + made.stderr
        return made.stdout.strip()

    def add_image(self, name: str, root: Path, *changes: str) -> None:
        """Make an image of a folder, which is removed; `changes` are lines of a Dockerfile."""
        (root / "etc/ld.so.conf").write_text("/usr/local/lib\n")
        # It says that libraries are copies where others have links.
        subprocess.run(["ldconfig", "-r", root], check=True, capture_output=True)
        archive = self._folder / "root.tar"
        subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
        options = [part for change in changes for part in ("--change", change)]
        self.podman("import", "--quiet", *options, archive, name)
        archive.unlink()
        shutil.rmtree(root)

    def end(self) -> None:
        """End and remove all containers, and what was mounted for them."""
        self.podman("rm", "--all", "--force", "--time", "0")
        self.podman("system", "reset", "--force")


def make_root(root: Path, *programs: Path) -> None:
    """Make the root of an image: tools, and some programs of this machine."""
    for name in ("dev", "etc", "proc", "run", "sys", "usr/bin", "usr/local/bin", "var"):
        (root / name).mkdir(parents=True)
    (root / "bin").symlink_to("usr/bin")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    for program in (*(Path(shutil.which(tool) or tool) for tool in _TOOLS), *programs):
        shutil.copy(program, root / "usr/bin")
        _copy_libraries(root, [program])


def add_python(root: Path) -> None:
    """Put this Python where its image has it, with pip and no other package."""
    here, there = Path(sys.base_prefix), root / "usr/local"
    left_out = shutil.ignore_patterns("site-packages", "test", "config-*", "idlelib", "__pycache__")
    shutil.copytree(here / "lib" / _SERIES, there / "lib" / _SERIES, ignore=left_out)
    pip = Path(sysconfig.get_path("purelib"), "pip")
    shutil.copytree(pip, there / "lib" / _SERIES / "site-packages/pip")
    for library in (here / "lib").glob("libpython*.so*"):
        shutil.copy(library, there / "lib", follow_symlinks=False)
    shutil.copy(here / "bin" / _SERIES, there / "bin")
    for name in ("python", "python3"):
        (there / "bin" / name).symlink_to(_SERIES)
    _copy_libraries(root, [here / "bin" / _SERIES, *(here / "lib" / _SERIES).rglob("*.so")])
    # What wheels for Linux may expect of any system.
    libc = Path(next(iter(_libraries(Path("/bin/sh"))))).parent
    for name in ("dl", "gcc_s", "m", "pthread", "rt", "stdc++", "util"):
        for library in libc.glob(f"lib{name}.so.*"):
            _copy_library(root, library)


def add_redis(root: Path) -> None:
    """Put this Redis where its image has it, and the folder that belongs to its user."""
    # Debian's programs of Redis are one, which its name tells what to be.
    found = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    assert found is not None
    shutil.copy(found, root / "usr/bin/redis-server")
    _copy_libraries(root, [Path(found)])
    (root / "data").mkdir()
    os.chown(root / "data", 999, 999)


def _copy_libraries(root: Path, files: Iterable[Path]) -> None:
    for file in files:
        for library in _libraries(file):
            if not library.startswith(sys.base_prefix):
                _copy_library(root, Path(library))


def _copy_library(root: Path, library: Path) -> None:
    copy = root / str(library).lstrip("/")
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, copy)


def _libraries(file: Path) -> list[str]:
    """Give the paths of the libraries that a program or a library needs."""
    told = subprocess.run(["ldd", file], capture_output=True, text=True, check=False).stdout
    return re.findall(r"(/\S+) \(0x", told)
