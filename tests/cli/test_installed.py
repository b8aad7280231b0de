"""The wheel: what `pip install .` and pipx install, and how it runs from anywhere."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path
from threading import Event

import pytest

from chat import __version__
from tests.support.servers import ROOT, free_port
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and install it alone into a folder; the libraries are those of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    subprocess.run([*pip, "wheel", *options, ROOT], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "lib", wheel], check=True)
    return folder


def environment(installed: Path, home: Path) -> dict[str, str]:
    plain = {name: each for name, each in os.environ.items() if not name.startswith("CHAT_")}
    return {**plain, "PYTHONPATH": str(installed / "lib"), "XDG_DATA_HOME": str(home / "data")}


def test_wheel_has_what_runs_and_no_sources_of_the_page(installed: Path) -> None:
    (wheel,) = installed.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for part in ("static/dist/manifest.json", "templates/index.html", "names/confusables.txt"):
        assert f"chat/{part}" in names
    assert "chat/translations/fr/LC_MESSAGES/messages.mo" in names
    assert "chat/cli/export.html" in names
    assert not [name for name in names if name.startswith(("chat/static/js/", "tests/", "bench/"))]


def test_installed_command_serves_from_anywhere_with_a_database_of_its_user(
    installed: Path, tmp_path: Path
) -> None:
    command, where = installed / "lib/bin/tchat", environment(installed, tmp_path)
    version = subprocess.run(
        [command, "--version"], env=where, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert version.stdout == f"Tchat {__version__}\n"
    keeper = Event()  # of the port
    port = free_port(keeper)
    server = subprocess.Popen(
        [command, "--port", str(port)],
        env=where,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        page = wait_until(lambda: fetched(f"http://127.0.0.1:{port}/"))
        assert "<title>" in page
        assert (tmp_path / "data/tchat/tchat.db").exists()
        assert list(tmp_path.iterdir()) == [tmp_path / "data"]
    finally:
        server.terminate()
        server.wait(30)


def fetched(url: str) -> str:
    """Fetch a page; empty while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""
