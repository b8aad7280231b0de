"""Posts of which nobody knows whether Redis has them: they are neither refused nor stored twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event

import pytest

from chat.log import StorageUnavailable
from chat.log.redis import RedisLog
from chat.protocol import Message
from chat.redis.channels import Channels
from chat.redis.servers import Servers
from tests.log.engines import WAIT_S, Recorder, draft
from tests.support import redis_logs
from tests.support.proxy import Fault, FaultProxy
from tests.support.redis import RedisServer

TIMEOUT_S = 0.3
EARLIER = ["text a", "text b", "text c"]


class Place:
    """A log on a Redis behind a proxy, that soon takes it for gone."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.redis = RedisServer(folder / "redis")
        stack.callback(self.redis.end)
        self.redis.start()
        self.proxy = stack.enter_context(FaultProxy(self.redis.port, random.Random(1)))
        servers = Servers(f"redis://127.0.0.1:{self.proxy.port}", timeout_s=TIMEOUT_S)
        channels = Channels(servers)
        self.log = RedisLog(servers, channels, place="Redis", retention_messages=1000)
        self.told = Recorder()
        listens = Event()
        channels.on_return(lambda partition: listens.set())
        self.log.claim()
        servers.start()
        channels.start()
        self.told.start(self.log)
        for close in (servers.close, channels.close, self.log.close):
            stack.callback(close)
        self.log.follow("general")
        # After these it has nothing else to ask of Redis: it looks when it listens.
        self.told.post(self.log, draft("a"))
        assert listens.wait(WAIT_S)
        for text in ("b", "c"):
            self.told.post(self.log, draft(text))

    def wait_for_trouble(self) -> None:
        """Wait until the log has found out that Redis does not answer."""
        pause = Event()
        for _ in range(int(WAIT_S / 0.01)):
            try:
                self.log.check()
            except StorageUnavailable:
                return
            pause.wait(0.01)
        raise AssertionError("the log is well")

    def answers_besides(self, text: str) -> list[Message | StorageUnavailable]:
        """Give the answers, but for that with this text: Redis may have stored it before."""
        answers = [self.told.answers.get() for _ in range(self.told.answers.qsize())]
        return [each for each in answers if not (isinstance(each, Message) and each.text == text)]

    def texts(self) -> list[str]:
        return [each.text for each in redis_logs.read_log(self.redis.url, "general")[1]]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(tmp_path, stack)


def test_post_that_redis_may_still_store_is_not_refused(place: Place) -> None:
    place.redis.freeze()
    place.log.append(draft("one"), place.told.answers.put)
    place.wait_for_trouble()
    place.log.append(draft("two"), place.told.answers.put)  # behind it: nobody has sent that
    assert isinstance(place.told.answer(), StorageUnavailable)
    place.redis.thaw()
    (message,) = place.told.committed()[1]
    assert (message.seq, message.text) == (4, "text one")
    place.told.post(place.log, draft("two"))
    assert place.texts() == [*EARLIER, "text one", "text two"]
    assert place.answers_besides("text one") == []


def test_post_whose_answer_was_lost_is_stored_once_and_answered(place: Place) -> None:
    place.proxy.lead_to(place.redis.port, Fault.HALF_OPEN)  # the connections that are open
    place.log.append(draft("one"), place.told.answers.put)
    (message,) = place.told.committed()[1]
    assert (message.seq, message.text) == (4, "text one")
    assert place.texts() == [*EARLIER, "text one"]
    assert place.answers_besides("text one") == []


def test_post_that_is_sent_again_meanwhile_takes_its_own_place(place: Place) -> None:
    place.redis.freeze()
    place.log.append(draft("one"), place.told.answers.put)
    place.wait_for_trouble()
    place.log.append(draft("one"), place.told.answers.put)
    place.log.append(draft("two"), place.told.answers.put)
    assert isinstance(place.told.answer(), StorageUnavailable)  # the second one
    place.redis.thaw()
    assert [each.text for each in place.told.committed()[1]] == ["text one"]
    assert place.answers_besides("text one") == []


def test_log_that_is_closed_meanwhile_ends(place: Place) -> None:
    place.redis.freeze()
    place.log.append(draft("one"), place.told.answers.put)
    place.wait_for_trouble()
    with closing(place.log):
        pass
    assert place.told.answers.empty()
    place.redis.thaw()
