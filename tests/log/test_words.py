"""Which texts have which words; the page marks by the same corpus (found-words.test.js)."""

import json
from pathlib import Path

import pytest

from chat.log.words import asked_terms, matches, read_query, terms

CORPUS = json.loads((Path(__file__).parent.parent / "corpus/found.json").read_text())


@pytest.mark.parametrize(("words", "marked"), CORPUS)
def test_words_are_found_where_the_page_marks_them(words: str, marked: str) -> None:
    text = marked.replace("⟦", "").replace("⟧", "")
    assert matches(text, read_query(words)) is (text != marked)


@pytest.mark.parametrize(("words", "marked"), CORPUS)
def test_an_index_misses_no_text_that_matches(words: str, marked: str) -> None:
    text = marked.replace("⟦", "").replace("⟧", "")
    if text == marked:
        return
    has = terms(text)
    for asked in asked_terms(read_query(words)):
        assert any(
            term.startswith(asked.text) if asked.begins else term == asked.text for term in has
        )


def test_what_an_index_has_is_never_syntax() -> None:
    text = "".join(map(chr, range(1, 0x3000)))
    assert all(
        "".join(term.split()) == term and not set(term) & set("\"'*()^:+-{}\0")
        for term in terms(text)
    )
