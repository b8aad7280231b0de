"""Two pages on two workers converse, whatever ends: a worker, or Redis."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.tab import Tab
from tests.support.processes import connections
from tests.support.redis import RedisServer
from tests.support.servers import ChatServer
from tests.support.waiting import wait_until

_WITHIN_S = 60.0


def workers(server: ChatServer, pages: int) -> list[int]:
    """Wait until the pages' WebSockets alone are open, and give the worker of each."""

    def opened() -> list[int] | None:
        found = connections(server)
        return list(found.values()) if len(found) == pages else None

    return wait_until(opened, lambda: connections(server))


@pytest.mark.chromium
def test_two_pages_on_two_workers_converse_through_a_workers_death_and_a_restart_of_redis(
    make_server: Callable[..., ChatServer],
    redis_server: RedisServer,
    enter: Callable[..., Tab],
) -> None:
    server = make_server(redis_url=redis_server.url, workers=2)
    server.start()
    here = {"base_url": server.url, "service_workers": "block"}
    alice = enter("Alice", **here)
    (alices,) = workers(server, 1)
    bob = enter("Bob", **here)
    deadline = time.monotonic() + _WITHIN_S
    while len(set(workers(server, 2))) == 1:
        assert time.monotonic() < deadline, "one worker accepts all connections"
        bob.page.reload()
        expect(bob.composer).to_be_visible()
    for tab, other in ((alice, "Bob"), (bob, "Alice")):
        expect(tab.people.filter(has_text=other)).to_be_visible()
    alice.say("one")
    bob.shows("one")
    bob.say("two")
    alice.shows("one", "two")

    os.kill(alices, signal.SIGKILL)
    bob.say("three")  # whose worker lives
    expect(bob.waiting).to_have_count(0)
    alice.say("four")
    alice.wake()
    for tab in (alice, bob):
        expect(tab.log.get_by_role("listitem")).to_have_count(4)
        expect(tab.waiting).to_have_count(0)
    said = alice.texts()
    assert said[:2] == ["one", "two"]
    assert sorted(said[2:]) == ["four", "three"]
    assert bob.texts() == said

    redis_server.kill()
    # Nobody knows whether Redis still stored what it was sent when it was killed.
    waits = re.compile("Waiting to be sent|cannot keep messages at the moment")
    for tab, text in ((alice, "five"), (bob, "six")):
        tab.say(text)
        expect(tab.waiting).to_have_count(1)
        expect(tab.waiting).to_contain_text(waits)
    alice.page.reload()  # what waits is kept by the page
    expect(alice.waiting).to_have_count(1)
    redis_server.start()
    for tab in (alice, bob):
        tab.wake()
        expect(tab.log.get_by_role("listitem")).to_have_count(6)
        expect(tab.waiting).to_have_count(0)
    assert alice.texts()[:4] == said
    assert sorted(alice.texts()[4:]) == ["five", "six"]
    assert bob.texts() == alice.texts()
    for tab, other in ((alice, "Bob"), (bob, "Alice")):
        expect(tab.people.filter(has_text=other)).to_be_visible()
    bob.say("seven")
    alice.shows(*bob.texts()[:6], "seven")
