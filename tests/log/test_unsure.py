"""Posts of which nobody knows whether Redis has them: they are neither refused nor stored twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from queue import Queue

import pytest

from chat.log import Draft, Proposal, StorageUnavailable
from chat.log.redis import RedisLog
from chat.log.redis_upkeep import RedisUpkeep
from chat.protocol import Edit, Message
from chat.redis.channels import Channels
from chat.redis.servers import Servers
from tests.log.engines import ANN, WAIT_S, Outcome, Recorder, draft
from tests.support import redis_logs
from tests.support.redis import RedisServer
from tests.support.waiting import wait_until

TIMEOUT_S = 0.3


class Place:
    """A log on a Redis, which it soon takes for gone."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.redis = RedisServer(folder / "redis")
        stack.callback(self.redis.end)
        self.redis.start()
        servers = Servers(self.redis.url, timeout_s=TIMEOUT_S)
        channels = Channels(servers)
        self.log = RedisLog(servers, channels, place="Redis", retention_messages=1000)
        self.told = Recorder()
        self.log.claim()
        servers.start()
        channels.start()
        self.told.start(self.log)
        for close in (servers.close, channels.close, self.log.close):
            stack.callback(close)
        self.followed = self.log.follow("general")
        self.told.post(self.log, draft("first"))

    def wait_for_trouble(self) -> None:
        """Wait until the log has found out that Redis does not answer."""
        self._wait(well=False)

    def wait_until_well(self) -> None:
        """Wait until Redis answers again."""
        self._wait(well=True)

    def _wait(self, *, well: bool) -> None:
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                self.log.check()
                is_well = True
            except StorageUnavailable:
                is_well = False
            if is_well is well:
                return
            assert time.monotonic() < deadline, f"the log is well: {is_well}"
            time.sleep(0.01)  # bounded by the deadline: there is no event to wait for

    def post_unsure(self, begin: Callable[[], None], end: Callable[[], None]) -> str:
        """Break the way to Redis, post, and wait until the log waited in vain; give the text."""
        number, _ = self.send_unsure(begin, end, lambda number: draft(f"unsure {number}"))
        return f"text unsure {number}"

    def send_unsure(
        self,
        begin: Callable[[], None],
        end: Callable[[], None],
        make: Callable[[int], Draft | Proposal],
    ) -> tuple[int, Queue[Outcome]]:
        """Do so with what is made of a number; give the number, and where the answer will come.

        If the log found out before it sent that, it refused it, and this is done again.
        """
        for number in range(10):
            begin()
            sent: Queue[Outcome] = Queue()
            self.log.append(make(number), sent.put)
            self.wait_for_trouble()
            self.log.append(draft(f"behind {number}"), self.told.answers.put)  # is not sent
            assert isinstance(self.told.answer(), StorageUnavailable)
            if sent.empty():
                return number, sent
            assert isinstance(sent.get(), StorageUnavailable)
            end()
            self.wait_until_well()
        raise AssertionError("every post was refused")

    def committed(self) -> list[str]:
        """Wait for a commit and give its texts."""
        return [each.text for each in self.told.committed()[1]]

    def texts(self) -> list[str]:
        return [each.text for each in redis_logs.read_log(self.redis.url, "general")[1]]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(tmp_path, stack)


def test_post_that_redis_may_still_store_is_not_refused(place: Place) -> None:
    text = place.post_unsure(place.redis.freeze, place.redis.thaw)
    place.redis.thaw()
    assert place.committed() == [text]
    place.told.post(place.log, draft("two"))
    assert place.texts() == ["text first", text, "text two"]


def test_post_that_is_sent_again_meanwhile_takes_its_own_place(place: Place) -> None:
    text = place.post_unsure(place.redis.freeze, place.redis.thaw)
    again: Queue[Message | StorageUnavailable] = Queue()
    place.log.append(draft(text.removeprefix("text ")), again.put)
    place.log.append(draft("behind it"), place.told.answers.put)
    assert isinstance(place.told.answer(), StorageUnavailable)
    place.redis.thaw()
    assert place.committed() == [text]
    assert all(isinstance(each, Message) for each in again.queue)
    assert place.texts() == ["text first", text]


@pytest.mark.parametrize("keeps", [False, True], ids=["nothing is kept", "an older state is kept"])
@pytest.mark.parametrize("left", [False, True], ids=["who waits", "who has left"])
def test_edit_of_a_log_that_is_lost_is_done_to_no_message_of_the_next(
    place: Place, keeps: bool, left: bool
) -> None:
    if keeps:
        with place.redis.client() as client:
            client.save()
    (lost,) = place.told.post(place.log, draft("lost"))
    _, answers = place.send_unsure(
        place.redis.freeze,
        place.redis.thaw,
        lambda number: Proposal(
            "general",
            ANN,
            Edit(f"edit {number}", lost.seq, "new"),
            within_s=900,
            followed=place.followed,
        ),
    )
    if left:
        place.told.empty.add("general")
    place.redis.restart()
    assert place.told.replacements.get(timeout=WAIT_S) == ("general",)
    place.wait_until_well()
    place.log.follow("general")
    others = place.told.post(place.log, draft("other"), draft("one more"))
    assert lost.seq in {each.seq for each in others}
    assert isinstance(answers.get(timeout=WAIT_S), StorageUnavailable)
    assert [each.text for each in place.log.after("general", 0, 10).entries] == (
        ["text first"] * keeps + ["text other", "text one more"]
    )


def test_log_that_is_closed_meanwhile_ends(place: Place) -> None:
    place.post_unsure(place.redis.freeze, place.redis.thaw)
    place.log.close()
    place.redis.thaw()


def test_bug_in_upkeep_refuses_no_post_that_is_stored(
    place: Place, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def step(_upkeep: RedisUpkeep) -> bool:
        raise ValueError("a bug")

    monkeypatch.setattr(RedisUpkeep, "step", step)
    wait_until(lambda: "a bug" in caplog.text)
    place.told.post(place.log, *(draft(number) for number in range(300)))
    assert place.told.answers.empty()
    assert len(caplog.records) < 100  # it does not spin
