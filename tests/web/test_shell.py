"""The version of the page follows from what it is made of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from chat.web.shell import read_shell
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
        "static/css/page.css",
        "static/js/conversation/later/markup.js",
        "static/vendor/emoji/fr.json",
        "templates/index.html",
        "templates/sw.js",
        "translations/fr/LC_MESSAGES/messages.mo",
    ],
)
def test_version_changes_with_every_file_of_the_page(package: Path, file: str) -> None:
    before = read_shell(package).version
    with (package / file).open("ab") as stream:
        stream.write(b"\n")
    assert read_shell(package).version != before


def test_file_that_moves_makes_another_version(package: Path) -> None:
    before = read_shell(package).version
    (package / "static/css/page.css").rename(package / "static/css/pages.css")
    assert read_shell(package).version != before


def test_kept_are_what_the_page_needs_and_nothing_large(package: Path) -> None:
    files = read_shell(package).files
    later = "js/conversation/later/sanitise.js"
    assert {"js/main.js", "css/page.css", "icon.svg", later} <= set(files)
    assert {"vendor/markdown-it/markdown-it.min.js", "vendor/uqr/uqr.js"} <= set(files)
    assert not [file for file in files if "emoji/" in file or "highlight/" in file]
    assert sum((package / "static" / file).stat().st_size for file in files) < 500_000
