"""A log in a file of which a test sees more than the contract has."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from chat.log.sqlite import SQLiteLog
from tests.log.conversations import Conversation, Told
from tests.log.engines import well


class Clock:
    """What the log takes for the time."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return int(time.time() * 1000) + self.ahead_ms


class File:
    """A log in a file, which can be opened again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = Clock()
        self.told = Told()
        self._logs: list[SQLiteLog] = []

    def open(self, **settings: Any) -> SQLiteLog:
        log = SQLiteLog(self.path, retention_messages=100_000, now_ms=self.clock, **settings)
        assert log.claim()
        self._logs.append(log)
        self.told = Told()
        self.told.start(log)
        if not settings:
            well(log)
        return log

    def room(self, name: str) -> Conversation:
        return Conversation(self._logs[-1], self.told, name)

    def ask(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as database:
            return database.execute(query).fetchall()

    def has(self, text: bytes) -> bool:
        wal = self.path.with_name(f"{self.path.name}-wal")
        return any(text in each.read_bytes() for each in (self.path, wal) if each.exists())

    def end(self) -> None:
        for log in self._logs:
            log.close()
