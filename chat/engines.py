"""The engines: what keeps the log, the people, the numbers and the budgets. Wiring only.

A worker that is alone has a file and its memory. Several share what is on Redis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from chat.config import Settings
from chat.log import MessageLog
from chat.log.sqlite import SQLiteLog
from chat.metrics import Metrics
from chat.rooms.announcer import Announcer
from chat.rooms.counts import Counts, LocalCounts
from chat.rooms.ledger import Ledger
from chat.rooms.local_presence import LocalPresence
from chat.rooms.presence import Presence
from chat.rooms.registry import Registry


class Engines(Protocol):
    """The parts that are others where several workers serve together."""

    log: MessageLog
    presence: Presence
    counts: Counts

    def start(self) -> None:
        """Begin to work with other workers; once, after the last fork, before the log starts."""

    def leave(self) -> None:
        """Let other workers have what this one holds; before its connections are closed."""

    def close(self) -> None:
        """End; after the log is closed."""


def make_engines(
    settings: Settings,
    registry: Registry,
    ledger: Ledger | None,
    limit: Callable[[], int],
    metrics: Metrics,
) -> Engines:
    """Choose by REDIS_URL alone; `limit` gives how many WebSockets this worker admits."""
    make = Together if settings.redis_url else Alone
    return make(settings, registry, ledger, limit, metrics)


class Alone:
    """The engines of a worker that is alone."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        _ledger: Ledger | None,
        limit: Callable[[], int],
        metrics: Metrics,
    ) -> None:
        self.log: MessageLog = SQLiteLog(
            settings.database,
            retention_messages=settings.chat_retention_messages,
            retention_min_hours=settings.chat_retention_min_hours,
            retention_days=settings.chat_retention_days,
            room_idle_days=settings.chat_room_idle_days,
            database_bytes=settings.chat_database_bytes,
            edit_within_s=settings.chat_edit_within_s,
            metrics=metrics,
        )
        self.presence: Presence = LocalPresence(
            Announcer(registry),
            self.log.recent_nicks,
            leave_grace_s=settings.chat_leave_grace_s,
            nick_reservation_s=settings.chat_nick_reservation_s,
            rename_every_s=settings.rename_every_s,
        )
        self.counts: Counts = LocalCounts(registry, limit)

    def start(self) -> None:
        """Do nothing: there is no other worker."""

    def leave(self) -> None:
        """Do nothing: there is no other worker."""

    def close(self) -> None:
        """Do nothing: there is no other worker."""


class Together:
    """The engines of workers that share a Redis."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        ledger: Ledger | None,
        limit: Callable[[], int],
        metrics: Metrics,
    ) -> None:
        # A worker that is alone does not wait for redis-py to be loaded.
        from chat.log.redis import RedisLog
        from chat.redis.channels import Channels
        from chat.redis.servers import Servers
        from chat.rooms.leases import Leases
        from chat.rooms.ledger_exchange import LedgerExchange
        from chat.rooms.shared_counts import SharedCounts
        from chat.rooms.shared_presence import SharedPresence

        self._servers = Servers(settings.redis_url)
        self._channels = Channels(self._servers)
        self._leases = Leases(self._servers)
        self._exchange = None if ledger is None else LedgerExchange(ledger, self._servers)
        self.log: MessageLog = RedisLog(
            self._servers,
            self._channels,
            place=settings.redis_place,
            retention_messages=settings.chat_retention_messages,
            retention_min_hours=settings.chat_retention_min_hours,
            retention_days=settings.chat_retention_days,
            room_idle_days=settings.chat_room_idle_days,
            replicas=settings.chat_redis_replicas,
            metrics=metrics,
        )
        self.presence: Presence = SharedPresence(
            self._servers,
            self._channels,
            self._leases,
            Announcer(registry),
            self.log.recent_nicks,
            leave_grace_s=settings.chat_leave_grace_s,
            nick_reservation_s=settings.chat_nick_reservation_s,
            rename_every_s=settings.rename_every_s,
        )
        self._counts = SharedCounts(self._servers, self._leases, registry, limit)
        self.counts: Counts = self._counts

    def start(self) -> None:
        """Begin to work with other workers; once, after the last fork, before the log starts."""
        self._servers.start()
        self._channels.start()
        self._leases.start()
        self._counts.start()
        if self._exchange is not None:
            self._exchange.start()

    def leave(self) -> None:
        """Let other workers have what this one holds; before its connections are closed."""
        if self._exchange is not None:
            self._exchange.close()

    def close(self) -> None:
        """End; after the log is closed."""
        self._counts.close()
        self._leases.close()
        self._channels.close()
        self._servers.close()
