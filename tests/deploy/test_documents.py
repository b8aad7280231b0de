"""docs/deploy.md and the files that it tells of."""

from __future__ import annotations

import re

import pytest

from tests.support.servers import ROOT

_PAGE = (ROOT / "docs/deploy.md").read_text()
_FILES = sorted(each.name for each in (ROOT / "deploy").iterdir() if each.is_file())


@pytest.mark.parametrize("name", _FILES)
def test_each_file_is_in_the_table(name: str) -> None:
    table = _PAGE.partition("## The files")[2]
    assert f"[{name}](../deploy/{name})" in table


def test_links_of_the_page_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", _PAGE)
    assert links
    for file, part in links:
        target = ROOT / "docs" / file if file else ROOT / "docs/deploy.md"
        assert target.exists(), file
        if part:
            heads = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
            assert part in anchors, (file, part)
