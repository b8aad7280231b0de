"""The page that says what is kept, with what the settings of this server say."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from chat import create_app

_READER = {"Accept": "text/html"}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., str]:
    """Read the page, or another one, as words in one line."""

    def read(language: str = "en", path: str = "/privacy", **settings: object) -> str:
        app = create_app({"CHAT_DATABASE": str(tmp_path / "tchat.db"), **settings})
        answer = app.test_client().get(path, headers={**_READER, "Accept-Language": language})
        assert answer.status_code == 200
        assert {"Accept-Language", "Cookie"} <= set(answer.vary)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        page = answer.text
        if path == "/privacy":
            assert f'<html lang="{language}">' in page
            assert not any(each in page for each in ("<script", "<style", " style="))
        return " ".join(re.sub("<[^>]+>", " ", page).split())

    return read


def test_page_says_what_the_settings_say(read: Callable[..., str]) -> None:
    words = read()
    for said in (
        "the newest messages stay, up to 100,000. To make room, none is deleted in its first 24",
        "Until then, a message stays, whatever its age.",
        "If nobody has used a room for 365 days, its messages are deleted.",
        "your nick stays yours for 10 minutes",
        "nothing is encrypted from end to end",
        "has addresses without their last part",
        "“Forget this device”, in the settings, deletes all of that.",
        "of each room the last 1,000 of these acts",
        "for ten minutes after",
    ):
        assert said in words
    words = read(
        CHAT_RETENTION_MESSAGES="5000",
        CHAT_RETENTION_MIN_HOURS="0",
        CHAT_RETENTION_DAYS="30",
        CHAT_ROOM_IDLE_DAYS="0",
        CHAT_NICK_RESERVATION_S="0",
        CHAT_LOG_ADDRESSES="none",
    )
    assert "up to 5,000. A message is deleted after 30 days. Who wrote" in words
    assert "The server’s log has no addresses." in words
    assert "stays yours" not in words


def test_page_says_of_redis_only_what_is_sure(read: Callable[..., str]) -> None:
    assert "overwritten" in read()
    assert "overwritten" not in read(REDIS_URL="redis://localhost")


def test_page_says_where_addresses_are_counted(read: Callable[..., str]) -> None:
    assert "It writes this nowhere." in read()
    words = read(REDIS_URL="redis://127.0.0.1:1")
    assert "It writes this nowhere." not in words
    assert "These counts are in its database for some hours." in words
    assert "quelques heures dans sa base" in read("fr", REDIS_URL="redis://127.0.0.1:1")


def test_page_says_where_it_is_noted_who_is_here(read: Callable[..., str]) -> None:
    assert "Who is here and who is writing is noted nowhere." in read()
    words = read(REDIS_URL="redis://127.0.0.1:1")
    assert "Who is here" not in words
    assert "10 minutes after you used it last. While you are here, the server’s database" in words
    assert "Tant que vous êtes là" in read("fr", REDIS_URL="redis://127.0.0.1:1")


def test_page_is_in_the_readers_language(read: Callable[..., str]) -> None:
    words = read("fr", CHAT_RETENTION_MIN_HOURS="1", CHAT_LOG_ADDRESSES="full")
    for said in (
        "Ce qui est gardé",
        "jusqu’à 100\u202f000. Aucun n’est effacé faute de place pendant sa première heure.",
        "pendant 10 minutes après",
        "contient l’adresse des personnes qui viennent",
        "« Oublier cet appareil »".replace("« ", "«\u00a0").replace(" »", "\u00a0»"),
    ):
        assert " ".join(said.split()) in words, said


def test_first_view_says_where_and_how_long_and_leads_there(read: Callable[..., str]) -> None:
    assert "on this server: the last 100,000 of each room." in read(path="/")
    assert "on this server for one day." in read(path="/r/salon", CHAT_RETENTION_DAYS="1")
    assert "30 jours sur ce serveur." in read("fr", path="/", CHAT_RETENTION_DAYS="30")
