"""A thousand pages at once: a stop closes them, they come back, and the promise is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.support.crowd import Page, Transcript, run
from tests.support.servers import ChatServer

PAGES, ROOMS = 1000, 20
_AT_ONCE = 50  # pages that enter together, the first time
_STOPS_WITHIN_S = 2.0  # it usually takes half of this, on two cores that do nothing else
pytestmark = pytest.mark.alone

# For a thousand people behind one address, who come twice within a minute: on Redis, what they have
# used outlives the stop.
WIDE = {
    "CHAT_ADDRESS_WEBSOCKETS": "1000",
    "CHAT_ADDRESS_CONNECTS": "2000",
    "CHAT_ADDRESS_JOINS": "2000",
}


def stored(server: ChatServer) -> dict[str, int]:
    """Give the log's messages: their ids and seqs."""
    return {each.id: each.seq for messages in server.kept().values() for each in messages}


async def enter_all(pages: list[Page], at_once: int) -> None:
    """Let all pages in."""
    places = asyncio.Semaphore(at_once)

    async def enter(page: Page) -> None:
        async with places:
            await page.enter()

    await asyncio.gather(*map(enter, pages))


async def stop_and_come_back(server: ChatServer, *, answers: bool) -> None:
    transcript = Transcript()
    pages = [Page(server.port, n, transcript, room=f"r{n % ROOMS}") for n in range(PAGES)]
    await enter_all(pages, _AT_ONCE)
    following = [asyncio.create_task(page.follow(answers=answers)) for page in pages]
    for page in pages:
        page.post(f"from {page.key}")
    for page in pages[::10]:  # the stop happens during the conversation
        await page.until_acknowledged()

    took_s = await asyncio.to_thread(server.stop)

    assert set(await asyncio.gather(*following)) == {1012}
    assert took_s < _STOPS_WITHIN_S
    kept = stored(server)
    promised = {post_id: seq for page in pages for post_id, seq in page.acknowledged.items()}
    assert len(promised) >= PAGES / 10
    assert promised.items() <= kept.items()
    server.start()
    await enter_all(pages, PAGES)
    assert all(page.welcome["resumed"] for page in pages)
    following = [asyncio.create_task(page.follow()) for page in pages]
    for page in pages:
        await page.until_acknowledged()
    everything = stored(server)
    assert len(everything) == PAGES  # each once: the log knew a repeated post by its id
    for task in following:
        task.cancel()
    for page in pages:
        await page.end()


@pytest.mark.parametrize("answers", [True, False], ids=["pages that answer", "pages that do not"])
def test_stop_with_a_thousand_pages_takes_under_two_seconds_and_keeps_what_it_promised(
    make_server: Callable[..., ChatServer], answers: bool
) -> None:
    server = make_server(settings=WIDE)
    server.start()
    run(lambda: stop_and_come_back(server, answers=answers))
    assert "Traceback" not in server.log()
