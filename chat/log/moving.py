"""Moving a log from one engine to another, while no server has it.

The source stays as it is. The target is a log only once all of it was read again and compared, so
a move that was interrupted leaves nothing that a server would serve, and can be run again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import zip_longest
from typing import NamedTuple

from redis.exceptions import RedisError

from chat.config import Settings
from chat.log import Contents, LogError, Progress, file_end, redis_end
from chat.log.ends import Entry, Room, Source, Target
from chat.log.files import in_one_line


class Moved(NamedTuple):
    """What a move has done."""

    contents: Contents  # of the target
    resumes: bool  # pages go on where they were


def move(source: Settings, target: Settings, progress: Progress) -> Moved:
    """Copy all of a log into a new one; each is where a server with these settings has its log.

    Raises LogError, one line; then no server takes the target for a log.
    """
    failure = f"{named(source)} was not moved"
    try:
        with in_one_line(failure), _source(source) as reading:
            contents = reading.contents()
            steps = _Steps(progress, contents.messages)
            with _target(target) as writing:
                epochs = reading.epochs()
                writing.begin(contents, reading.days())
                _copy(reading, writing, steps)
                _compare(reading, writing, steps)
                moved = writing.contents()
                if moved[:2] != contents[:2]:
                    raise LogError(f"{named(source)} has other rooms than what was copied of it")
                reading.refuse_servers()
                return Moved(moved, writing.finish(epochs))
    except RedisError as error:
        raise LogError(f"{failure}: {error}") from error


def named(settings: Settings) -> str:
    """Say where a server has its log, without a password."""
    return settings.redis_place or str(settings.database)


def _source(settings: Settings) -> AbstractContextManager[Source]:
    if settings.redis_url:
        return redis_end.open_source(settings.redis_url, settings.redis_place)
    return file_end.open_source(settings.database)


def _target(settings: Settings) -> AbstractContextManager[Target]:
    if settings.redis_url:
        return redis_end.open_target(settings.redis_url, settings.redis_place)
    return file_end.open_target(settings.database)


def _copy(source: Source, target: Target, steps: _Steps) -> None:
    steps.begin("Copying")
    for room in source.rooms():
        target.write(room, ())
        for entries in _whole(source, room):
            target.write(room, entries)
            steps.go_on(len(entries))
    target.settle()


def _compare(source: Source, target: Target, steps: _Steps) -> None:
    """Read both again. Raises LogError if they differ."""
    nothing: list[Entry] = []
    steps.begin("Comparing")
    for room in source.rooms():
        is_same = target.room(room.name) == room
        parts = zip_longest(_whole(source, room), target.entries(room), fillvalue=nothing)
        for given, kept in parts:
            is_same = is_same and given == kept
            steps.go_on(len(given))
        if not is_same:
            raise LogError(
                f"the copy of the room {room.name!r} differs from it: something has written one of "
                "them meanwhile. Run the move again"
            )


def _whole(source: Source, room: Room) -> Iterator[list[Entry]]:
    """Give all entries of a room. Raises LogError when one is missing."""
    seq = room.floor
    for entries in source.entries(room):
        for entry in entries:
            seq += 1
            if entry.seq != seq:
                raise _missing(room, seq)
        yield entries
    if seq != room.seq:
        raise _missing(room, seq + 1)


def _missing(room: Room, seq: int) -> LogError:
    return LogError(f"the log has no entry {seq} in the room {room.name!r}: nothing was moved")


class _Steps:
    """How far a move is."""

    def __init__(self, progress: Progress, messages: int) -> None:
        self._progress = progress
        self._total = max(1, messages)
        self._name = ""
        self._done = 0

    def begin(self, name: str) -> None:
        """Begin a step, which is about all messages."""
        self._name, self._done = name, 0
        self._progress(name, 0, self._total)

    def go_on(self, messages: int) -> None:
        """Note that so many more are done."""
        self._done += messages
        self._progress(self._name, self._done, self._total)
