"""A Redis of which somebody deleted or spoilt single keys, or which refuses what is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue

import pytest

from chat.log import Proposal, StorageFull, StorageUnavailable
from chat.protocol import Message, Pin
from chat.redis.partitions import key, partition_of
from tests.log.engines import ANN, WAIT_S, OnRedis, Recorder, draft

PARTITION = partition_of("general")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[OnRedis]:
    engine = OnRedis(tmp_path)
    yield engine
    engine.end()


def test_post_of_a_log_whose_head_is_gone_is_not_taken_for_stored(engine: OnRedis) -> None:
    told = Recorder()
    log = engine.open()
    told.start(log)
    log.follow("general")
    told.post(log, draft(1), draft(2), draft(3))
    with engine.redis.client() as client:
        client.delete(key(PARTITION, "heads"))
    assert told.replacements.get(timeout=WAIT_S) == ("general",)
    log.follow("general")
    # The page of its sender did not see it confirmed.
    (again,) = told.post(log, draft(3))
    assert again.seq == 1
    assert engine.kept() == {"general": [again]}
    assert log.after("general", 0, 10).entries == [again]


def test_room_without_its_head_is_read_again_although_it_was_pruned(engine: OnRedis) -> None:
    told = Recorder()
    log = engine.open(retention_messages=2)
    told.start(log)
    log.follow("general")
    for number in range(5):
        told.post(log, draft(number))
    with engine.redis.client() as client:
        client.delete(key(PARTITION, "heads"))
    assert told.replacements.get(timeout=WAIT_S) == ("general",)
    log.follow("general")
    told.post(log, draft(6))
    assert [each.text for each in log.after("general", 0, 10).entries] == ["text 6"]


def test_post_whose_entry_is_gone_is_stored_anew(engine: OnRedis) -> None:
    told = Recorder()
    log = engine.open()
    told.start(log)
    log.follow("general")
    told.post(log, draft(1))
    with engine.redis.client() as client:
        client.delete(key(PARTITION, "log", "general"))
    (again,) = told.post(log, draft(1))
    assert again.seq == 2
    log.append(draft(1), told.answers.put)
    assert told.answer() == again


@pytest.mark.parametrize(
    ("setting", "value", "word"),
    [("min-replicas-to-write", 1, "NOREPLICAS"), ("maxmemory", 1, "OOM")],
)
def test_redis_is_called_full_only_where_it_has_no_memory(
    engine: OnRedis, setting: str, value: int, word: str
) -> None:
    told = Recorder()
    log = engine.open()
    told.start(log)
    log.follow("general")
    (first,) = told.post(log, draft(1))
    with engine.redis.client() as client:
        client.config_set(setting, value)
    log.append(draft(2), told.answers.put)
    answer = told.answer()
    assert isinstance(answer, StorageUnavailable)
    assert isinstance(answer, StorageFull) is (word == "OOM")
    with pytest.raises(StorageUnavailable, match=word):
        log.check()
    with engine.redis.client() as client:
        client.config_set(setting, 0)
    log.append(draft(1), told.answers.put)
    assert isinstance(told.answer(), Message)
    assert engine.kept() == {"general": [first]}


def test_refusal_is_told_before_its_connection_is_closed(engine: OnRedis) -> None:
    told = Recorder()
    log = engine.open()
    order: Queue[Message | StorageUnavailable | str] = Queue()
    log.start(told.tail, lambda _: order.put("closed"), lambda room: True, told.acted)
    happened: list[Message | StorageUnavailable | str] = []
    for number in range(10):
        log.follow("general")
        told.post(log, draft(number))
        with engine.redis.client() as client:
            client.delete(key(PARTITION, "heads"))
            log.append(draft(f"behind {number}"), order.put)
        happened = [order.get(timeout=WAIT_S)]
        with suppress(Empty):
            happened.append(order.get(timeout=1.0))
        if len(happened) == 2 and happened[0] != "closed":
            break  # else the log has found it out by itself, before it took the post
    first, then = happened
    assert isinstance(first, StorageUnavailable)
    assert then == "closed"


def test_nothing_is_read_of_a_log_that_lost_entries_until_everybody_is_told(
    engine: OnRedis,
) -> None:
    told = Recorder()
    log = engine.open()
    told.start(log)
    for number in range(10):
        log.follow("general")
        told.post(log, draft(number))
        with engine.redis.client() as client:
            client.delete(key(PARTITION, "heads"))
        try:
            found = log.after("general", 0, 10).entries, log.before("general", 9, 10).messages
        except StorageUnavailable:
            return
        assert found == ([], [])
        # Else the writer has found it out before.
        assert told.replacements.get(timeout=WAIT_S) == ("general",)
    pytest.fail("everything was read")


def test_pin_of_a_log_that_is_lost_is_none(engine: OnRedis) -> None:
    told = Recorder()
    log = engine.open()
    told.start(log)
    log.follow("general")
    (message,) = told.post(log, draft(1))
    log.append(Proposal("general", ANN, Pin("pin", message.seq), True), told.answers.put)
    told.committed()
    assert log.record("general").pin == message.seq
    with engine.redis.client() as client:
        client.delete(key(PARTITION, "heads"))
    assert log.record("general").pin is None
