"""Every sentence of the page exists in every language, and the compiled catalogues are fresh."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po

from tests.support.servers import ROOT

TRANSLATIONS = ROOT / "chat" / "translations"
LANGUAGES = sorted(path.parent.parent.name for path in TRANSLATIONS.glob("*/LC_MESSAGES/*.po"))
PLACEHOLDER = re.compile(r"\{\w+\}|%\(\w+\)s")

Identifier = str | tuple[str, ...]


def extracted() -> set[Identifier]:
    with (TRANSLATIONS / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(ROOT / "chat", _below(methods), _below_options(options))
    return {identifier for _, _, identifier, _, _ in found}


# The patterns are written for `pybabel extract .` in the project's root. Only chat/ has templates,
# so this searches only chat/ and not .venv.
def _below(methods: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(pattern.removeprefix("chat/"), method) for pattern, method in methods]


def _below_options(options: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    return {pattern.removeprefix("chat/"): values for pattern, values in options.items()}


def identifiers(catalog: Catalog) -> set[Identifier]:
    return {_frozen(message.id) for message in catalog if message.id}


def _frozen(identifier: str | list[str] | tuple[str, ...]) -> Identifier:
    return identifier if isinstance(identifier, str) else tuple(identifier)


def catalog(path: Path, language: str | None = None) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=language)


def test_french_is_there() -> None:
    assert "fr" in LANGUAGES


def test_template_names_every_sentence() -> None:
    sentences = extracted()
    assert len(sentences) > 50
    assert identifiers(catalog(TRANSLATIONS / "messages.pot")) == sentences, (
        "run: make translations"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogue_translates_every_sentence_and_nothing_else(language: str) -> None:
    messages = catalog(TRANSLATIONS / language / "LC_MESSAGES" / "messages.po", language)
    assert identifiers(messages) == extracted(), "run: make translations"
    assert [message.id for message in messages if message.id and message.fuzzy] == []
    assert list(messages.obsolete) == []
    for message in messages:
        forms = [message.string] if isinstance(message.string, str) else list(message.string)
        assert all(forms), f"{message.id!r} has no translation"
        if message.pluralizable:
            assert len(forms) == messages.num_plurals, message.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_keep_the_placeholders(language: str) -> None:
    for message in catalog(TRANSLATIONS / language / "LC_MESSAGES" / "messages.po", language):
        asked = [message.id] if isinstance(message.id, str) else list(message.id)
        given = [message.string] if isinstance(message.string, str) else list(message.string)
        for number, form in enumerate(given):  # the singular first, which may say "one"
            placeholders = sorted(PLACEHOLDER.findall(asked[min(number, len(asked) - 1)]))
            assert sorted(PLACEHOLDER.findall(form)) == placeholders, message.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_compiled_catalogue_is_fresh(language: str) -> None:
    folder = TRANSLATIONS / language / "LC_MESSAGES"
    fresh = io.BytesIO()
    write_mo(fresh, catalog(folder / "messages.po", language))
    fresh.seek(0)
    with (folder / "messages.mo").open("rb") as file:
        compiled = {_frozen(each.id): each.string for each in read_mo(file) if each.id}
    assert compiled == {_frozen(each.id): each.string for each in read_mo(fresh) if each.id}, (
        "run: make translations"
    )


def test_sentences_of_scripts_exist_and_are_all_said() -> None:
    first, later = _sentences("strings.json.jinja"), _sentences("later.json.jinja")
    assert first
    assert later
    assert not first & later
    scripts = {path: path.read_text("utf-8") for path in (ROOT / "chat/static/js").rglob("*.js")}
    said = {word for script in scripts.values() for word in re.findall(r'"(\w+)"', script)}
    assert first | later <= said, "a sentence that no script says"
    for path, script in scripts.items():
        asked = set(re.findall(r'\.(?:say|count)\(\s*"(\w+)"', script))
        known = first | later if "later" in path.parts else first
        assert asked <= known, f"{path} says a sentence that is not there, or only later"


def _sentences(template: str) -> set[str]:
    text = (ROOT / "chat/templates" / template).read_text("utf-8")
    return set(re.findall(r'^  "(\w+)":', text, re.MULTILINE))
