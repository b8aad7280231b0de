"""The committed files in chat/static/dist/ are those that the sources make."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from chat.web.shell import DIST
from tests.support.servers import ROOT

# zlib differs between versions of Node, so compressed files are compared by their content. One
# process unpacks them all, because each start of Node costs a tenth of a second.
_UNBROTLI = """
const { readFileSync } = require("fs");
const { brotliDecompressSync } = require("zlib");
const texts = process.argv.slice(1).map((path) => brotliDecompressSync(readFileSync(path)));
process.stdout.write(JSON.stringify(texts.map((text) => text.toString("base64"))));
"""


def contents(folder: Path) -> dict[str, bytes]:
    found = {path.name: content(path) for path in folder.iterdir() if path.suffix != ".br"}
    packed = sorted(folder.glob("*.br"))
    command = ("node", "-e", _UNBROTLI, *packed)
    texts = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    for path, text in zip(packed, texts, strict=True):
        found[path.name] = base64.b64decode(text)
    return found


def content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


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


@pytest.fixture(scope="module")
def fresh(built: Path) -> dict[str, bytes]:
    return contents(built)


def test_committed_page_is_what_the_sources_make(fresh: dict[str, bytes]) -> None:
    committed = contents(ROOT / "chat" / DIST)
    assert committed.keys() == fresh.keys(), "run: make page"
    assert [name for name in fresh if fresh[name] != committed[name]] == [], "run: make page"


def test_compressed_files_are_the_files(fresh: dict[str, bytes]) -> None:
    assert any(name.endswith(".br") for name in fresh)
    for name, text in fresh.items():
        if name.endswith((".gz", ".br")):
            assert text == fresh[name[:-3]], name


def test_scripts_name_no_source_map_and_no_place_on_the_disk(built: Path) -> None:
    for path in built.glob("*.js"):
        assert not re.search(r"sourceMappingURL|node_modules|chat/static", path.read_text("utf-8"))


def test_builder_is_pinned_and_comes_from_no_named_place() -> None:
    lock = (ROOT / "tools/page/package-lock.json").read_text("utf-8")
    assert "resolved" not in lock
    assert re.search(r'"esbuild": "\d+\.\d+\.\d+"', lock)
