"""The committed files in chat/static/dist/ are those that the sources make."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from chat.web.shell import DIST
from tests.support.servers import ROOT

# zlib differs between versions of Node, so compressed files are compared by their content.
_UNBROTLI = (
    "process.stdout.write(require('zlib').brotliDecompressSync(require('fs').readFileSync(0)))"
)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: content(path) for path in folder.iterdir()}


def content(path: Path) -> bytes:
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".br":
        command = ("node", "-e", _UNBROTLI)
        return subprocess.run(
            command, input=path.read_bytes(), capture_output=True, check=True
        ).stdout
    return path.read_bytes()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the page in another folder, from sources in another folder."""
    tree = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(ROOT / "chat/static", tree / "chat/static")
    shutil.copytree(ROOT / "tools/page", tree / "tools/page", symlinks=True)
    stale = tree / "chat/static/dist/main-AAAAAAAA.js"
    stale.write_text("stale")
    subprocess.run(("node", "tools/page/build.mjs"), cwd=tree, check=True)
    assert not stale.exists()
    return tree / "chat" / DIST


def test_committed_page_is_what_the_sources_make(built: Path) -> None:
    committed = contents(ROOT / "chat" / DIST)
    fresh = contents(built)
    assert committed.keys() == fresh.keys(), "run: make page"
    assert [name for name in fresh if fresh[name] != committed[name]] == [], "run: make page"


def test_compressed_files_are_the_files(built: Path) -> None:
    fresh = contents(built)
    for name in fresh:
        if name.endswith((".gz", ".br")):
            assert fresh[name] == fresh[name[:-3]], name


def test_scripts_name_no_source_map_and_no_place_on_the_disk(built: Path) -> None:
    for path in built.glob("*.js"):
        assert not re.search(r"sourceMappingURL|node_modules|chat/static", path.read_text("utf-8"))


def test_builder_is_pinned_and_comes_from_no_named_place() -> None:
    lock = (ROOT / "tools/page/package-lock.json").read_text("utf-8")
    assert "resolved" not in lock
    assert re.search(r'"esbuild": "\d+\.\d+\.\d+"', lock)
