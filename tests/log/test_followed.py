"""How far rooms were given out on a worker that hears of their entries in any order."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.log.followed import Due, Followed
from chat.log.redis_entries import NO_HEAD, Head, Share
from chat.log.scripts import Diverged
from chat.protocol import Deed, Entry, Member, Message

ANN = Member("ann", "Ann")


def share(*seqs: int, at_ms: int = 0) -> Share:
    """Give a share with these seqs; its time is that of its last entry unless it is given."""
    messages = [Message(seq, f"id-{seq}", ANN, f"text {seq}", "") for seq in seqs]
    return Share(seqs[0], messages, at_ms or 1000 + seqs[-1])


NOTHING = Due([], [], is_behind=False)


def seqs(messages: Sequence[Entry]) -> list[int]:
    return [message.seq for message in messages]


@pytest.fixture
def followed() -> Followed:
    followed = Followed()
    followed.add("general", NO_HEAD)
    return followed


def test_what_follows_is_given_out_and_what_was_is_not_again(followed: Followed) -> None:
    assert seqs(followed.offer("general", share(1, 2))[0]) == [1, 2]
    assert followed.offer("general", share(1, 2)) == NOTHING
    assert seqs(followed.offer("general", share(2, 3))[0]) == [3]
    assert followed.head("general") == Head(3, 1003)


def test_what_comes_too_early_waits_and_is_told_to_be_behind(followed: Followed) -> None:
    assert followed.offer("general", share(3)) == Due([], [], is_behind=True)
    assert followed.offer("general", share(5, 6)) == Due([], [], is_behind=True)
    messages, _, behind = followed.offer("general", share(1, 2))
    assert (seqs(messages), behind) == ([1, 2, 3], True)
    messages, _, behind = followed.offer("general", share(4))
    assert (seqs(messages), behind) == ([4, 5, 6], False)


def test_what_was_done_waits_for_the_entries_before_it(followed: Followed) -> None:
    done = [Deed(number, "", ANN, "mute") for number in (1, 2)]
    with_entry = share(2)._replace(version="v1", deeds=done[:1])
    assert followed.offer("general", with_entry) == Due([], [], is_behind=True)
    for version, deeds in (("v2", done[1:]), ("v3", ())):
        alone = Share(3, [], 0, version, deeds)
        assert followed.offer("general", alone) == Due([], [], is_behind=True)
    entries, deeds, behind = followed.offer("general", share(1))
    assert (seqs(entries), deeds, behind) == ([1, 2], [*done, None], False)
    assert followed.offer("general", Share(3, [], 0, "v4")) == Due([], [None], is_behind=False)


def test_what_waits_has_a_bound(followed: Followed) -> None:
    for seq in range(2, 1000):
        followed.offer("general", share(seq))
    messages, *_ = followed.offer("general", share(1))
    assert 1 < len(messages) < 100  # the rest is read


def test_other_entry_in_a_place_that_was_given_out_is_found(followed: Followed) -> None:
    followed.offer("general", share(1, 2))
    with pytest.raises(Diverged):
        followed.offer("general", share(1, 2, at_ms=5))


def test_room_is_followed_from_where_it_was_first(followed: Followed) -> None:
    followed.add("other", Head(7, 1007))
    followed.add("other", Head(9, 1009))  # of somebody who came later
    assert seqs(followed.offer("other", share(8, 9))[0]) == [8, 9]


def test_room_without_people_is_followed_no_longer(followed: Followed) -> None:
    followed.add("other", NO_HEAD)
    followed.drop_empty(lambda room: room == "other")
    assert "general" not in followed
    assert "other" in followed
    assert seqs(followed.offer("general", share(5))[0]) == [5]  # whoever sent it may wait for it
    assert sum(map(len, followed.by_partition().values())) == 1


@given(st.permutations(range(12)))
def test_each_entry_is_given_out_once_and_in_order(order: list[int]) -> None:
    followed = Followed()
    followed.add("general", NO_HEAD)
    given_out: list[int] = []
    for number in [*order, *order[:5]]:  # some twice, like what was read and heard
        first = 3 * number + 1
        given_out += seqs(followed.offer("general", share(first, first + 1, first + 2))[0])
    assert given_out == list(range(1, 37))
