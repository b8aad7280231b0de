"""Redis is away, or full: the page says that messages wait, and nothing that was typed is lost."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.tab import Tab
from tests.support.redis import RedisServer
from tests.support.servers import ChatServer

Enter = Callable[..., Tab]

KEEPS_NONE = re.compile("cannot keep messages at the moment: this one waits")


@pytest.fixture
def server(redis_server: RedisServer, make_server: Callable[..., ChatServer]) -> ChatServer:
    server = make_server(redis_url=redis_server.url, workers=2)
    server.start()
    return server


@pytest.mark.long
def test_messages_wait_while_redis_is_frozen(
    redis_server: RedisServer, server: ChatServer, enter: Enter
) -> None:
    alice, bob = (enter(nick, base_url=server.url) for nick in ("Alice", "Bob"))
    alice.say("one")
    bob.shows("one")
    redis_server.freeze()
    alice.say("two")
    expect(alice.waiting).to_have_count(1)
    server.logged("cannot be asked")
    # Redis may have it: it can be removed by its id, but not be another one before it is there.
    expect(alice.waiting.get_by_role("button", name="Delete")).to_have_count(1)
    expect(alice.waiting.get_by_role("button", name="Edit")).to_have_count(0)
    alice.say("three")
    expect(alice.waiting.last).to_contain_text(KEEPS_NONE)
    expect(alice.waiting.first.get_by_role("button", name="Edit")).to_have_count(0)
    alice.composer.fill("half a sen")
    redis_server.thaw()
    alice.shows("one", "two", "three")
    bob.shows("one", "two", "three")
    expect(alice.waiting).to_have_count(0)
    expect(alice.composer).to_have_value("half a sen")


def test_messages_wait_while_redis_is_dead_or_full(
    redis_server: RedisServer, server: ChatServer, enter: Enter
) -> None:
    alice, bob = (enter(nick, base_url=server.url) for nick in ("Alice", "Bob"))
    bob.say("one")
    alice.shows("one")
    redis_server.kill()
    bob.say("two")
    # It says so with the reason, if the worker knew by then that Redis is dead.
    expect(bob.waiting).to_contain_text(re.compile(f"Waiting to be sent|{KEEPS_NONE.pattern}"))
    server.logged("cannot be asked")
    bob.page.reload()  # nobody can enter now; the page has the message and what it knew
    expect(bob.waiting).to_have_count(1)
    redis_server.start()
    bob.wake()
    for tab in (alice, bob):
        tab.shows("one", "two")
    expect(bob.page.locator(".tag")).to_have_count(0)  # there was no other Bob
    with redis_server.client() as client:
        client.config_set("maxmemory", 1)
        alice.say("three")
        expect(alice.waiting).to_contain_text(KEEPS_NONE)
        client.config_set("maxmemory", 0)
    for tab in (alice, bob):
        tab.shows("one", "two", "three")
