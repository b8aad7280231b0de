"""Nothing that people rely on is missing from the documents, and the two READMEs say the same."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from chat import protocol
from chat.config import Settings
from chat.web.problems import ProblemCode
from tests.support.client import Client
from tests.support.servers import ROOT, ChatServer

#: What must have a row in a table: the page, its section (empty: all of it), the names.
WANTED = {
    "settings": ("settings.md", "", [f.encode_name for f in msgspec.structs.fields(Settings)]),
    "commands": ("protocol.md", "Commands", map(protocol.name_of, get_args(protocol.AnyCommand))),
    "events": (
        "protocol.md",
        "Events",
        [event.__struct_config__.tag for event in protocol.Event.__subclasses__()],
    ),
    "gaps": ("protocol.md", "Coming back", protocol.Gap),
    "errors": ("protocol.md", "Errors", protocol.ErrorCode),
    "problems": ("api.md", "Problems", [*protocol.ErrorCode, *ProblemCode]),
    "closes": ("protocol.md", "Close codes", [str(int(code)) for code in protocol.CloseCode]),
}


def rows(page: str, section: str) -> list[str]:
    """Give the names in the first cells of a section's tables, whose first rows are their heads."""
    text = (ROOT / "docs" / page).read_text()
    if section:
        text = re.split(r"^## ", text.partition(f"\n## {section}\n")[2], flags=re.MULTILINE)[0]
    text = re.sub(r"^\|.*\n\|-.*\n", "", text, flags=re.MULTILINE)
    cells = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    return [name.strip("`") for cell in cells for name in cell.split()]


@pytest.mark.parametrize("kind", WANTED)
def test_each_has_one_row_and_no_row_is_of_something_else(kind: str) -> None:
    page, section, names = WANTED[kind]
    assert sorted(rows(page, section)) == sorted(map(str, names))


# --- the site ---------------------------------------------------------------------------

PAGES = sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))


def pages_of(entries: Iterable[dict[str, object]]) -> list[str]:
    """Give the pages of a navigation."""
    found: list[str] = []
    for entry in entries:
        for page in entry.values():
            found += pages_of(page) if isinstance(page, list) else [str(page)]
    return found


def test_each_page_is_in_the_navigation_once() -> None:
    project = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]
    assert sorted(pages_of(project["nav"])) == sorted(str(page.relative_to(ROOT)) for page in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_file_that_a_page_links_exists_and_each_picture_is_told(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert link.startswith("https://") or (page.parent / link).exists(), link
    for words in re.findall(r"!\[([^]]*)\]", text):
        assert len(words) > 20, words


# --- the READMEs ------------------------------------------------------------------------

ENGLISH, FRENCH = ((ROOT / name).read_text() for name in ("README.md", "README.fr.md"))


def plain(code: str) -> str:
    """Give a block of commands without its remarks, and without the words that are translated."""
    code = re.sub(r" +#.*", "", code)
    return re.sub(r"<[^>]*>|cop(y|ie)\.db|Serveur|Server|FILE|FICHIER", "", code)


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(r"^(#+) ", id="sections"),
        pytest.param(r"^    (.+)$", id="commands"),
        pytest.param(r"^\| `([^|]+)` \|", id="rows"),
        pytest.param(r"^(\|.*\|)$", id="tables"),
        pytest.param(r"!\[[^\]]+\]\(([^)]+)\)", id="pictures"),
        pytest.param(r"\]\((?!README)([^)#]+)", id="links"),
        pytest.param(r"^(- |\d\. )", id="lists"),
        pytest.param(r"\b([A-Z]+_[A-Z_]+[A-Z])\b", id="settings"),
    ],
)
def test_french_readme_is_as_complete_as_the_english_one(part: str) -> None:
    english, french = (re.findall(part, text, re.MULTILINE) for text in (ENGLISH, FRENCH))
    if part.startswith(r"^(\|"):  # of a table only its form
        english, french = ([row.count("|") for row in rows] for rows in (english, french))
    assert english
    assert list(map(plain, map(str, french))) == list(map(plain, map(str, english)))


# --- the bot ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "page", ["README.md", "README.fr.md", "docs/tutorial.md", "docs/terminal.md"]
)
def test_program_of_the_documents_answers(chat_server: ChatServer, page: str) -> None:
    text = (ROOT / page).read_text()
    (program,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert program.count("\n") <= 15
    assert "http://localhost:8080" in program
    bot = subprocess.Popen(
        [sys.executable, "-c", program.replace("http://localhost:8080", chat_server.url)], cwd=ROOT
    )
    try:
        with Client(chat_server.ws_url) as ann:
            members = ann.join("Ann", "kitchen" if "/r/kitchen" in program else "general")[
                "members"
            ]
            if "Echo" not in [each["nick"] for each in members]:
                ann.expect("joined", 60.0)
            ann.post("Hello?")
            answer = ann.expect("message", 60.0, text="> Hello?")
        assert answer["member"]["nick"] == "Echo"
    finally:
        bot.kill()
        bot.wait()
