"""Whether all pages show the same in the end, and what the log has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import sleep

from websockets.exceptions import ConnectionClosed

from tests.support.client import Client, Refused
from tests.support.history import Entry
from tests.support.screen import Screen, differences
from tests.support.talker import Talker

_TRIES = 10


def problems_of_screens(
    talkers: Iterable[Talker],
    ws_url: str,
    log: Sequence[Entry],
    room: str = "general",
    owner: str | None = None,
) -> list[str]:
    """Compare what each talker shows with what a newcomer is shown, and that with the log.

    The newcomer has a key of the room's owners, if there is one: the room may be locked. Talkers
    that have not seen everything are left out: others say that of them.
    """
    for _ in range(_TRIES):
        try:
            screen = _shown_to_a_newcomer(ws_url, room, owner)
            break
        except ConnectionClosed:
            pass  # a server that pings twice a second may take it, on a busy machine, for gone
        except Refused as refused:
            if refused.error["code"] != "storage_unavailable":
                raise
            # Redis has just come back. The page waits as long.
            sleep(refused.error["retry_after"])
    else:
        return ["a newcomer is sent away again and again"]
    problems = [f"a newcomer: {each}" for each in _unlike_the_log(screen, log)]
    for talker in talkers:
        if talker.has_everything:
            problems += [f"{talker.nick}: {each}" for each in differences(talker.screen, screen)]
    return problems


def _shown_to_a_newcomer(ws_url: str, room: str, owner: str | None) -> Screen:
    with Client(ws_url) as newcomer:
        newcomer.join("Newcomer", room, **({} if owner is None else {"owner": owner}))
        more = bool(newcomer.screen) and newcomer.messages[0]["seq"] > 1
        while more:
            more = newcomer.show_older()
        return newcomer.screen


def _unlike_the_log(screen: Screen, log: Sequence[Entry]) -> list[str]:
    shown = [
        (each["seq"], each["text"], "edited" in each, bool(each.get("removed")))
        for each in screen.messages
    ]
    kept = [
        (each.seq, each.text, each.edited, each.removed) for each in log if each.what == "message"
    ]
    return [
        f"{one} is shown, and {other} is in the log"
        for one, other in zip(shown, kept, strict=False)
        if one != other and not (one[3] and other[3])
    ] + [f"{len(shown)} messages are shown of {len(kept)}"] * (len(shown) != len(kept))
