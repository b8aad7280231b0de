"""The posts of each hour, gathered little by little. No I/O."""

from __future__ import annotations

from chat.log import Hour

HOUR_MS = 3_600_000


class Hours:
    """The posts of each hour, and who has written them."""

    def __init__(self) -> None:
        self._posts: dict[int, int] = {}  # by hour, since 1970
        self._members: dict[int, set[str]] = {}
        self._known: dict[str, str] = {}  # so that a member of many hours is in memory once

    def add(self, hour: int, member: str, posts: int) -> None:
        """Count posts of a member in an hour, since 1970."""
        self._posts[hour] = self._posts.get(hour, 0) + posts
        self._members.setdefault(hour, set()).add(self._known.setdefault(member, member))

    def all(self) -> list[Hour]:
        """Give the hours that have posts, the oldest first."""
        return [
            Hour(hour * HOUR_MS, posts, len(self._members[hour]))
            for hour, posts in sorted(self._posts.items())
        ]
