"""The version of the page depends on its content; its files are at the addresses that it names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from chat.web.shell import DIST, Shell, read_shell
from tests.support.servers import ROOT


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return Path(
        shutil.copytree(
            ROOT / "chat", tmp_path / "chat", ignore=shutil.ignore_patterns("__pycache__")
        )
    )


def test_version_is_the_same_wherever_the_same_page_is(package: Path) -> None:
    assert read_shell(package) == read_shell(ROOT / "chat")


@pytest.mark.parametrize(
    "file",
    [
        "static/dist/manifest.json",
        "templates/index.html",
        "templates/later.html",
        "templates/sw.js",
        "translations/fr/LC_MESSAGES/messages.mo",
    ],
)
def test_version_changes_with_every_part_of_the_page(package: Path, file: str) -> None:
    before = read_shell(package).version
    with (package / file).open("ab") as stream:
        stream.write(b"\n")
    assert read_shell(package).version != before


def test_sources_are_no_part_of_it(package: Path) -> None:
    before = read_shell(package)
    for folder in ("js", "css", "vendor"):
        shutil.rmtree(package / "static" / folder)
    assert read_shell(package) == before


def test_names_are_those_of_the_files_that_there_are() -> None:
    files = {path.name for path in (ROOT / "chat" / DIST).iterdir()}
    beside = {name for name in files if name.endswith((".gz", ".br"))}
    assert read_shell(ROOT / "chat").names == files - beside - {"manifest.json"}
    assert {name[:-3] for name in beside} < files


def test_kept_are_what_the_page_needs_and_nothing_large() -> None:
    shell = read_shell(ROOT / "chat")
    needed = {shell.addresses[name] for name in ("js/main.js", "css/main.css", "icon.svg")}
    assert needed | set(shell.beside) < set(shell.kept)
    assert any(name.startswith("with-text-") for name in shell.kept)
    assert not [name for name in shell.kept if name.endswith(".json") or "highlight" in name]
    assert any(name.startswith("highlight-") for name in shell.later)
    assert shell.addresses["vendor/emoji/fr.json"] in shell.later
    assert sum((ROOT / "chat" / DIST / name).stat().st_size for name in shell.kept) < 400_000


def test_page_of_the_sources_has_no_version_and_its_files_are_the_sources() -> None:
    shell = Shell()
    assert not shell.is_built
    assert shell.address("js/main.js") == "/static/js/main.js"
    assert (ROOT / "chat/static/js/main.js").exists()
