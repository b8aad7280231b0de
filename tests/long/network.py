"""Several machines, as root on Linux: Redis, workers in three namespaces, two proxies in front.

`make machines` runs this in a network of its own.
"""

from __future__ import annotations

import random
import shlex
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, expect
from websockets.exceptions import WebSocketException

from tests.browser.tab import Tab
from tests.browser.test_offline import change, offer, version
from tests.support.bed import FRONTS, Bed
from tests.support.checker import judge
from tests.support.client import Refused
from tests.support.history import Entry, Record
from tests.support.pace import Pace
from tests.support.talker import Talker
from tests.support.trees import copy_program

Enter = Callable[..., Tab]

_QUIET = ("--no-sandbox", "--disable-gpu", "--ignore-certificate-errors")
_SETTINGS = {"CHAT_LIMITS": "off"}  # all of them come from one address, and quickly
_TALKERS = 8
_POSTS = 900
_WITHIN_S = 90.0
_OPENS_S = 10.0  # a proxy may have to try another machine first
_SEEN_MS = 30_000
_FOUND_MS = 60_000  # within which a page has found out that its machine is gone, and another one
_LEFT_MS = 30_000  # within which others see that the people of a machine are gone
_SICK_S = 20.0  # within which HAProxy sends nobody to a machine that cannot ask Redis
_REFUSED = (OSError, WebSocketException, Refused)


class Crowd:
    """People who talk in `general` through both proxies, for as long as the block lasts."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._history: list[Record] = []
        self.pace = Pace(_POSTS, time.monotonic() + _WITHIN_S)
        self._talkers: list[Talker] = []

    def __enter__(self) -> Self:
        for number in range(_TALKERS):
            address = list(FRONTS.values())[number % len(FRONTS)]
            self._talkers.append(
                Talker(
                    f"wss://{address}/ws",
                    f"talker-{number}",
                    self._history,
                    self.pace,
                    random.Random(number),
                    ssl=self._bed.trust,
                    open_timeout=_OPENS_S,
                )
            )
        for talker in self._talkers:
            talker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.pace.stop()
        for talker in self._talkers:
            talker.end()

    def posts(self, allowed: int, acknowledged: int) -> None:
        """Allow so many posts altogether, and wait until so many are acknowledged."""
        self.pace.allow(allowed)
        assert self.pace.wait_for(acknowledged), self.pace.acknowledged

    def judge(self) -> None:
        """Let everybody see everything, and hold what they saw against the log."""
        self.posts(_POSTS, _POSTS)
        log = self._bed.log("general")
        self.pace.head = len(log)
        self.pace.stop(within_s=20.0)
        for talker in self._talkers:
            talker.end()
        assert [talker.problem for talker in self._talkers if talker.problem] == []
        entries = [Entry(each.seq, f"{each.member.nick}/{each.id}", each.text) for each in log]
        assert judge(self._history, entries) == []


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Copy the program, so that workers of two versions can serve."""
    return copy_program(tmp_path / "version-1")


@pytest.fixture
def bed(tmp_path: Path, program: Path) -> Iterator[Bed]:
    """Give three machines with workers, behind both proxies."""
    with Bed(tmp_path, _SETTINGS, cwd=program) as bed:
        yield bed
        for workers in bed.workers:
            assert "Traceback" not in workers.log()


@pytest.fixture
def browser(bed: Bed, playwright: Playwright, tmp_path: Path) -> Iterator[Browser]:
    """Start a browser on a machine of its own."""
    found = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(bed.browsers.inside)} {found} "$@"\n')
    program.chmod(0o700)
    browser = playwright.chromium.launch(executable_path=program, args=_QUIET)
    yield browser
    browser.close()


@pytest.fixture
def enter(bed: Bed, new_context: Callable[..., BrowserContext]) -> Iterator[Enter]:
    """Open a tab behind a proxy, in a browser of its own, and enter the room."""
    problems: list[str] = []

    def enter(nick: str, front: str) -> Tab:
        page = new_context(locale="en-GB", ignore_https_errors=True).new_page()
        page.set_default_timeout(_SEEN_MS)
        page.on("pageerror", lambda error: problems.append(str(error)))
        tab = Tab(page, f"https://{FRONTS[front]}/r/people")
        tab.open()
        tab.enter(nick)
        return tab

    yield enter
    assert problems == []


def has(tab: Tab, *texts: str) -> None:
    """Wait until the log has these messages, in any order, each once."""
    expect(tab.log.get_by_role("listitem")).to_have_count(len(texts), timeout=_SEEN_MS)
    assert sorted(tab.texts()) == sorted(texts)


def test_people_of_all_machines_and_both_proxies_are_in_one_conversation(
    bed: Bed, enter: Enter
) -> None:
    tabs = {f"{front} {n}": enter(f"{front} {n}", front) for front in FRONTS for n in range(2)}
    with Crowd(bed) as crowd:
        crowd.posts(300, 300)
        for nick, tab in tabs.items():
            tab.say(f"I am {nick}")
        for tab in tabs.values():
            has(tab, *(f"I am {nick}" for nick in tabs))
            assert tab.texts() == [each.text for each in bed.log("people")]
            expect(tab.people).to_have_count(len(tabs))
        everybody = len(tabs) + _TALKERS
        assert [workers.status()["connected_users"] for workers in bed.workers] == [everybody] * 3
        crowd.judge()
    for workers in bed.workers:
        workers.stop()
        assert "disconnect" in workers.log()  # each of them had somebody


def test_partition_between_one_machine_and_redis_loses_nothing(bed: Bed, enter: Enter) -> None:
    tabs = {f"{front} {n}": enter(f"{front} {n}", front) for front in FRONTS for n in range(2)}
    cut, people = bed.most_used(len(tabs))
    with Crowd(bed) as crowd:
        crowd.posts(300, 300)
        with cut.machine.cut_off(bed.back):
            cut_at = time.monotonic()
            crowd.pace.allow(600)
            for nick, tab in tabs.items():
                tab.say(f"{nick} says")
            newcomers_are_served_at_once(bed, cut_at + _SICK_S)
            apart = [nick for nick, tab in tabs.items() if is_told_to_wait(tab, f"{nick} waits")]
            assert len(apart) == people
            others = [nick for nick in tabs if nick not in apart]
            late = enter("Newcomer", "nginx")
            late.say("new here")
            for nick in apart:
                for other in others:
                    absent = tabs[other].people.filter(has_text=nick)
                    expect(absent).to_have_count(0, timeout=_LEFT_MS)
            for other in others:
                has(tabs[other], *said_by(others), "new here")
            assert crowd.pace.wait_for(450)  # the others go on
        for tab in tabs.values():
            has(tab, *said_by(tabs), "new here")
            expect(tab.waiting).to_have_count(0)
            for each in tabs:
                expect(tab.people.filter(has_text=each)).to_have_count(1)
            assert tab.texts() == [each.text for each in bed.log("people")]
        crowd.judge()


def said_by(nicks: Iterable[str]) -> list[str]:
    """Give what these people say before, and while, some of them must wait."""
    return [f"{nick} {word}" for nick in nicks for word in ("says", "waits")]


def is_told_to_wait(tab: Tab, text: str) -> bool:
    """Post once more; tell whether that waits, and its writer is told why, or it is in the log.

    What was under way when Redis went may be stored: of that, the page says only that it waits.
    """
    tab.say(text)
    told = tab.waiting.filter(has_text="cannot keep messages at the moment: this one waits")
    kept = tab.log.get_by_role("listitem").filter(has_text=text)
    expect(told.or_(kept).first).to_be_visible(timeout=_SEEN_MS)
    return kept.count() == 0


def newcomers_are_served_at_once(bed: Bed, until: float) -> None:
    """Wait until HAProxy has noticed which machine is not well, and passes nobody on to it."""
    served = 0
    while served < 6:
        assert time.monotonic() < until, "HAProxy sends people to a machine that is not well"
        try:
            with bed.client("haproxy") as client:
                client.join(room="doorstep")
                client.post("is anybody there?")
            served += 1
        except _REFUSED:
            served = 0


def test_machine_that_fails_without_a_word_takes_nobody_along(bed: Bed, enter: Enter) -> None:
    tabs = {f"{front} {n}": enter(f"{front} {n}", front) for front in FRONTS for n in range(2)}
    machine = bed.most_used(len(tabs))[0].machine
    with Crowd(bed) as crowd:
        crowd.posts(300, 300)
        with machine.cut_off(bed.front), machine.cut_off(bed.back):
            crowd.posts(600, 600)  # who was there is elsewhere
            for nick, tab in tabs.items():
                tab.say(f"from {nick}")
            for tab in tabs.values():
                expect(tab.waiting).to_have_count(0, timeout=_FOUND_MS)
            for tab in tabs.values():
                has(tab, *(f"from {nick}" for nick in tabs))
                for each in tabs:
                    expect(tab.people.filter(has_text=each)).to_have_count(1)
        for tab in tabs.values():
            tab.say("and back")
        said = [*(f"from {nick}" for nick in tabs), *["and back"] * len(tabs)]
        for tab in tabs.values():
            has(tab, *said)
            expect(tab.people).to_have_count(len(tabs))
        crowd.judge()


def test_redis_that_is_away_is_said_to_all_and_loses_nothing(bed: Bed, enter: Enter) -> None:
    tabs = {f"{front} {n}": enter(f"{front} {n}", front) for front in FRONTS for n in range(2)}
    with Crowd(bed) as crowd:
        crowd.posts(300, 300)
        crowd.pace.allow(600)
        bed.redis.end()  # with kill -9
        for nick, tab in tabs.items():
            tab.say(f"{nick} says")
            assert is_told_to_wait(tab, f"{nick} waits")
        for workers in bed.workers:
            with pytest.raises(HTTPError, match="503"):
                workers.get("/healthz")
        for front in FRONTS:  # the page says it, even if no machine is well
            assert "Tchat" in bed.get(front, "/")
        bed.redis.start()
        for tab in tabs.values():
            has(tab, *said_by(tabs))
            expect(tab.waiting).to_have_count(0)
            expect(tab.people).to_have_count(len(tabs))
        crowd.judge()


def test_workers_are_replaced_one_machine_after_the_other(
    bed: Bed, enter: Enter, program: Path, tmp_path: Path
) -> None:
    newer = copy_program(tmp_path / "version-2")
    change(newer)
    tabs = {f"{front} {n}": enter(f"{front} {n}", front) for front in FRONTS for n in range(2)}
    said = []
    with Crowd(bed) as crowd:
        for step, workers in enumerate(bed.workers, 1):
            crowd.posts(200 * step, 200 * step - 100)
            workers.replace(newer)
            for nick, tab in tabs.items():
                tab.say(f"{nick} after {step}")
                said.append(f"{nick} after {step}")
            for front in FRONTS:  # their pages ask machines of two versions for their files
                late = enter(f"late {front} {step}", front)
                late.say(f"late {front} {step}")
                said.append(f"late {front} {step}")
                has(late, *said)
                late.page.context.close()
        for tab in tabs.values():
            has(tab, *said)
            old = version(tab.page)
            tab.composer.fill("half a sen")
            offer(tab).get_by_role("button", name="Reload").click()
            expect(tab.page.locator("body")).not_to_have_attribute("data-version", old)
            has(tab, *said)
            expect(tab.composer).to_have_value("half a sen")
        crowd.judge()
