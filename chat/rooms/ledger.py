"""What each address may still ask: one ledger for the acceptor, admission and sessions.

A budget that lived in a connection would start afresh with each reconnect. So it belongs to the
address: IPv4's as it is, of IPv6 the first 64 bits, which one subscriber has. The ledger is in
memory only, and knows an address by a hash with a salt of the day.

A budget is an amount for a time, like 300 joins a minute.

Several workers have a ledger each. Each decides by itself and at once, and notes what its addresses
use, so that the others can be told (ledger_exchange.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from enum import IntEnum
from hashlib import blake2b
from threading import Lock
from time import monotonic
from typing import NamedTuple

from chat.config import Settings
from chat.names.addresses import subscriber
from chat.rooms.amounts import Abuse, Amount, too_fast

_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86_400.0
_ROOM_PERIOD_S = 4 * _HOUR_S  # in which an address's share of a room comes back
_LEAST_SHARE = 100  # posts, where a room keeps little
_ACCOUNTS_LIMIT = 10_000  # addresses that are remembered: 6 MB; 9 with five rooms each
_FORGOTTEN_AT_ONCE = 1000  # so that it is not often searched for the emptiest
_SALTS_LIMIT = 30  # days for which a socket may be open, and its address still be known
_ROOMS_LIMIT = 500  # rooms that are remembered for an address: 43 KB
_SHARE = 4  # an address may have a quarter of the places
_CLASS = 40  # and as many as this in a small house: a class, or a team
_FULL_RETRY_S = 5.0  # when to try again where all places of an address are taken
_RETURN_COST = 0.1  # of a join that resumes: a restart must not lock a school out
_STALE_S = 1.0  # after which other workers are asked again about an address that comes again
_SENTENCE = "Too much from your network: wait a moment."


class Budget(IntEnum):
    """What is counted by address; each has its setting, CHAT_ADDRESS_ with its name."""

    CONNECTS = 0
    JOINS = 1
    NEW_ROOMS = 2
    POSTS = 3
    POST_BYTES = 4
    RENAMES = 5
    TYPING = 6
    SENT_BYTES = 7
    REFUSALS = 8
    ACTS = 9
    REPORTS = 10
    WRONG_KEYS = 11


_BY_THE_HOUR = {Budget.NEW_ROOMS, Budget.REPORTS, Budget.WRONG_KEYS}


_POSTS, _POST_BYTES = int(Budget.POSTS), int(Budget.POST_BYTES)  # a post is to cost little


class Allowance(NamedTuple):
    """What one address may have and ask."""

    sockets: int  # at a time; 0: its share of what this machine allows
    websockets: int  # at a time; 0: its share of the places
    amounts: tuple[Amount, ...]  # one for each Budget, in that order
    room: Amount  # posts into one room
    cool_down_s: float  # without a new WebSocket, for an address of which one was closed for abuse


def read_allowance(settings: Settings) -> Allowance:
    """Give what the settings allow one address."""

    def amount(budget: Budget) -> Amount:
        setting = f"CHAT_ADDRESS_{budget.name}"
        period_s = _HOUR_S if budget in _BY_THE_HOUR else _MINUTE_S
        return Amount(setting, getattr(settings, setting.lower()), period_s)

    room = settings.chat_retention_messages * settings.chat_room_share_percent / 100
    return Allowance(
        sockets=settings.chat_address_sockets,
        websockets=settings.chat_address_websockets,
        amounts=tuple(amount(budget) for budget in Budget),
        room=Amount("CHAT_ROOM_SHARE_PERCENT", max(room, _LEAST_SHARE), _ROOM_PERIOD_S),
        cool_down_s=settings.chat_cool_down_s,
    )


class Usage:
    """What an address has used here since the other workers were told."""

    __slots__ = ("amounts", "is_urgent", "rooms", "since")

    def __init__(self, now: float) -> None:
        self.since = now  # monotonic seconds
        self.amounts = [0.0] * len(Budget)
        self.rooms: dict[str, float] = {}  # posts
        self.is_urgent = False  # they are to be told, and asked, at once

    def add(self, other: Usage) -> None:
        """Add what was used besides."""
        self.since = min(self.since, other.since)
        for budget, number in enumerate(other.amounts):
            self.amounts[budget] += number
        for room, posts in other.rooms.items():
            self.add_room(room, posts)

    def add_room(self, room: str, posts: float) -> None:
        """Add posts into a room; 0 where somebody only came in."""
        if room in self.rooms:
            self.rooms[room] += posts
        elif len(self.rooms) < _ROOMS_LIMIT:  # more are there only after a long time without Redis
            self.rooms[room] = posts


class Standing(NamedTuple):
    """Where an account stands, as of its budgets and rooms that are named; monotonic seconds."""

    full_at: dict[Budget, float]  # when each is whole again
    rooms: dict[str, float]  # the same for its shares of rooms
    cool_at: float


class Ledger:
    """The accounts of all addresses; from any thread.

    Their number is bounded: those that used least are forgotten first, and never one that has a
    socket.
    """

    def __init__(
        self,
        allowance: Allowance,
        tell: Callable[[str, str], None] = lambda kind, sentence: None,
        now_s: Callable[[], float] = monotonic,
    ) -> None:
        """Begin without accounts; `tell` is given the kind of a limit, and a line for the log."""
        self.allowance = self._given = allowance
        self.tell = tell
        self.now_s = now_s
        # Guards everything below, and what is in the accounts.
        self.lock = Lock()
        self._accounts: dict[bytes, Account] = {}
        # Of today first. Who came on a day before is known by that day's salt until it comes today.
        self._salts = [secrets.token_bytes(16)]
        self._salt_until = now_s() + _DAY_S
        self._full_at = _ACCOUNTS_LIMIT  # accounts; then the emptiest are forgotten
        # By account. None: there are no other workers, and nothing is noted.
        self.untold: dict[bytes, Usage] | None = None
        self._hurry: Callable[[], None] = lambda: None

    def share(self, hurry: Callable[[], None]) -> None:
        """Note from now on what is used; `hurry` is called when others are to be told at once."""
        self.untold = {}
        self._hurry = hurry

    def fit(self, sockets: int, websockets: int) -> None:
        """Share out what this machine allows, unless a setting says what an address may have."""
        self.allowance = self._given._replace(
            sockets=self._given.sockets or _share(sockets),
            websockets=self._given.websockets or _share(websockets),
        )

    def account(self, address: str) -> Account:
        """Give the account of an address: its text, or "" for a peer without one."""
        with self.lock:
            now = self.now_s()
            if now >= self._salt_until:
                self._begin_day(now)
            today, *before = self._salts
            key = _key(address, today)
            account = self._accounts.get(key)
            if account is None:
                older = tuple(_key(address, salt) for salt in before)
                for known_by in older:
                    if account := self._accounts.pop(known_by, None):
                        break
                else:
                    self._make_place(now)
                    account = Account(self)
                account.salt, account.key = today, key
                self._accounts[key] = account
                if self.untold is not None:
                    account.move(key, older, now)
            return account

    def account_of(self, key: bytes) -> Account | None:
        """Give the account that is known by a hash, with the ledger's lock held."""
        return self._accounts.get(key)

    def note(self, key: bytes, now: float, *, is_urgent: bool = False) -> Usage:
        """Give what is to be told of an account, with the ledger's lock held, and to a sharer."""
        assert self.untold is not None
        if (usage := self.untold.get(key)) is None:
            usage = self.untold[key] = Usage(now)
        if is_urgent and not usage.is_urgent:
            usage.is_urgent = True
            self._hurry()
        return usage

    def salts(self) -> tuple[bytes, set[bytes]]:
        """Give the salt of today, and those by which anybody is known who has a socket here."""
        with self.lock:
            return self._salts[0], self._of_open()

    def take_salts(self, salts: list[bytes]) -> None:
        """Take the salts that all workers have, today's first; a day no longer ends by itself."""
        with self.lock:
            known_by = self._of_open() | {self._salts[0]}
            own = [salt for salt in self._salts if salt in known_by and salt not in salts]
            self._salts = [*salts, *own][:_SALTS_LIMIT]
            self._salt_until = float("inf")

    def forget_others(self) -> None:
        """Forget what sockets the addresses have at other workers, which cannot be asked."""
        with self.lock:
            for account in self._accounts.values():
                account.sockets_elsewhere = account.websockets_elsewhere = 0

    def __len__(self) -> int:
        with self.lock:
            return len(self._accounts)

    def _begin_day(self, now: float) -> None:
        """Take a new salt, and forget those by which nobody is known who may still be here."""
        of_open = self._of_open()
        before = [salt for salt in self._salts[1:] if salt in of_open]
        self._salts = [secrets.token_bytes(16), self._salts[0], *before][:_SALTS_LIMIT]
        self._salt_until = now + _DAY_S

    def _of_open(self) -> set[bytes]:
        return {account.salt for account in self._accounts.values() if account.is_open}

    def _make_place(self, now: float) -> None:
        if len(self._accounts) < self._full_at:
            return
        used = {key: each.used(now) for key, each in self._accounts.items() if not each.is_open}
        for key in sorted(used, key=used.__getitem__)[:_FORGOTTEN_AT_ONCE]:
            del self._accounts[key]
            if self.untold is not None:
                self.untold.pop(key, None)
        # Where nearly all have sockets, whose number is bounded too, it is not searched each time.
        self._full_at = max(_ACCOUNTS_LIMIT, len(self._accounts) + _FORGOTTEN_AT_ONCE)


def _share(places: int) -> int:
    """Give how many of these places one address may have."""
    return max(min(places, _CLASS), places // _SHARE)


def _key(address: str, salt: bytes) -> bytes:
    """Give what an address is known by; no table leads back to it."""
    if ":" in address:
        address = subscriber(address)
    return blake2b(address.encode(), key=salt, digest_size=16).digest()


class Account:
    """What one address has and has used; from any thread.

    What is refused is not counted: who waits as long as it is told gets through.
    """

    __slots__ = (
        "_cool_at",
        "_full_at",
        "_ledger",
        "_rooms",
        "asked_at",
        "key",
        "older",
        "salt",
        "sockets",
        "sockets_elsewhere",
        "websockets",
        "websockets_elsewhere",
    )

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.salt = b""  # with which its address was hashed
        self.key = b""
        # The hashes of days before by which other workers may know it, with its sockets and
        # WebSockets there.
        self.older: dict[bytes, tuple[int, int]] | None = None
        self.asked_at = 0.0  # when they were last asked about it; 0: never
        self.sockets_elsewhere = self.websockets_elsewhere = 0
        # With the ledger's lock held. When each budget is whole again, and each room's; monotonic
        # seconds.
        self._full_at = [0.0] * len(Budget)
        self._rooms: dict[str, float] = {}
        self.sockets = 0
        self.websockets = 0
        self._cool_at = 0.0  # monotonic seconds: when a WebSocket may come again

    # --- the acceptor and admission ------------------------------------------------------

    def open_socket(self) -> bool:
        """Count one more socket; False if that is one too many."""
        ledger = self._ledger
        with ledger.lock:
            free = self.sockets + self.sockets_elsewhere < ledger.allowance.sockets
            if ledger.untold is not None:
                self._note_arrival(ledger.now_s())
            self.sockets += free
        if not free:
            limit = f"CHAT_ADDRESS_SOCKETS={ledger.allowance.sockets}"
            ledger.tell("sockets", f"An address has too many sockets: {limit}")
        return free

    def close_socket(self) -> None:
        """Note that a socket has ended."""
        ledger = self._ledger
        with ledger.lock:
            self.sockets -= 1
            if ledger.untold is not None:
                ledger.note(self.key, ledger.now_s())

    def open_ws(self, connects: int = 1) -> float:
        """Count one more WebSocket and give 0; or the seconds after which to try again.

        A request that waits takes the place of one, with 0 connects: its commands are counted.
        """
        ledger = self._ledger
        now = ledger.now_s()
        with ledger.lock:
            if self._cool_at > now:
                return self._cool_at - now
            places = ledger.allowance.websockets
            full = self.websockets + self.websockets_elsewhere >= places
            if ledger.untold is not None:
                self._note_arrival(now)
            wait_s = 0.0 if full else self._take(Budget.CONNECTS, connects, now)
            self.websockets += not (full or wait_s)
        if full:
            limit = f"CHAT_ADDRESS_WEBSOCKETS={places}"
            ledger.tell("websockets", f"An address has too many WebSockets: {limit}")
            return _FULL_RETRY_S
        if wait_s:
            self._tell(Budget.CONNECTS)
        return wait_s

    def close_ws(self) -> None:
        """Note that a WebSocket has ended."""
        ledger = self._ledger
        with ledger.lock:
            self.websockets -= 1
            if ledger.untold is not None:
                ledger.note(self.key, ledger.now_s())

    # --- sessions ------------------------------------------------------------------------

    def spend(self, budget: Budget, number: float = 1) -> None:
        """Take from a budget. Raises Refused (`rate_limited`) when not so much is there."""
        now = self._ledger.now_s()
        with self._ledger.lock:
            wait_s = self._take(budget, number, now)
        if wait_s:
            self._tell(budget)
            raise too_fast(_SENTENCE, wait_s)

    def give_back(self, budget: Budget, number: float = 1) -> None:
        """Give back what was taken from a budget, and not used."""
        now = self._ledger.now_s()
        with self._ledger.lock:
            self._give_back(budget, number, now)

    def charge(self, budget: Budget, number: float) -> None:
        """Take from a budget, also more than is there; what comes next is refused for longer."""
        ledger = self._ledger
        now = ledger.now_s()
        amount = ledger.allowance.amounts[budget]
        with ledger.lock:
            self._full_at[budget] = amount.full_at(self._full_at[budget], number, now)
            if ledger.untold is not None:
                ledger.note(self.key, now).amounts[budget] += number

    def enter(self, room: str, joins: int = 1) -> None:
        """Count a join; or a request for a room, with 0 joins. Raises Refused (`rate_limited`).

        That is for one too many, into new rooms or in all, and while there is no budget for what a
        welcome sends.
        """
        now = self._ledger.now_s()
        refused = None
        with self._ledger.lock:
            is_new = room not in self._rooms
            if wait_s := self._take(Budget.SENT_BYTES, 0, now):
                refused = Budget.SENT_BYTES
            elif wait_s := self._take(Budget.JOINS, joins, now):
                refused = Budget.JOINS
            elif is_new and (wait_s := self._take(Budget.NEW_ROOMS, 1, now)):
                refused = Budget.NEW_ROOMS
                self._give_back(Budget.JOINS, joins, now)
            else:
                if self._ledger.untold is not None:
                    self._ledger.note(self.key, now).add_room(room, 0.0)
                # Or not, where none can be forgotten: that is looked at when it posts.
                self._remember(room, max(self._rooms.get(room, now), now), now)
        if refused is not None:
            self._tell(refused)
            raise too_fast(_SENTENCE, wait_s)

    def resumed(self) -> None:
        """Give back most of what a connection and its join cost that proved its place."""
        now = self._ledger.now_s()
        with self._ledger.lock:
            self._give_back(Budget.CONNECTS, 1 - _RETURN_COST, now)
            self._give_back(Budget.JOINS, 1 - _RETURN_COST, now)

    def post(self, room: str, size: int) -> None:
        """Count a post of `size` bytes into a room.

        Raises Refused (`rate_limited`) for one too many, for too many bytes, for more than its
        share of a room, and in a room too many.
        """
        ledger = self._ledger
        full_at, (_, _, amounts, share, _) = self._full_at, ledger.allowance
        posts, sizes = amounts[_POSTS], amounts[_POST_BYTES]
        with ledger.lock:
            now = ledger.now_s()
            # When each would be whole again: Amount.full_at without its call, three times.
            of_posts = max(full_at[_POSTS], now) + posts.period_s / posts.number
            of_sizes = max(full_at[_POST_BYTES], now) + size * sizes.period_s / sizes.number
            of_room = max(self._rooms.get(room, now), now) + share.period_s / share.number
            of_rooms = 0.0
            if (
                of_posts - posts.period_s <= now
                and of_sizes - sizes.period_s <= now
                and of_room - share.period_s <= now
            ):
                if room in self._rooms:
                    self._rooms[room] = of_room
                else:  # it was long ago that the address came into this one
                    of_rooms = self._remember(room, of_room, now)
                if not of_rooms:
                    full_at[_POSTS], full_at[_POST_BYTES] = of_posts, of_sizes
                    if ledger.untold is not None:
                        self._note_post(room, size, now)
                    return
        wait_s, amount = max(
            (posts.wait_s(of_posts, now), posts),
            (sizes.wait_s(of_sizes, now), sizes),
            (share.wait_s(of_room, now), share),
            (of_rooms, share),
        )
        ledger.tell(amount.setting, f"An address is limited: {amount}")
        raise too_fast(_SENTENCE, wait_s)

    def refused(self) -> None:
        """Count a refusal. Raises Abuse when it is one too many."""
        now = self._ledger.now_s()
        with self._ledger.lock:
            wait_s = self._take(Budget.REFUSALS, 1, now)
        if wait_s:
            self._tell(Budget.REFUSALS)
            raise Abuse("too much was refused")

    def cool_down(self) -> None:
        """Let no further WebSocket of this address in for a while: one was closed for abuse."""
        ledger = self._ledger
        now = ledger.now_s()
        with ledger.lock:
            self._cool_at = now + ledger.allowance.cool_down_s
            if ledger.untold is not None:
                ledger.note(self.key, now, is_urgent=True)

    # --- with the lock held ----------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Tell whether the address has a socket here."""
        return self.sockets > 0 or self.websockets > 0

    def used(self, now: float) -> float:
        """Give how much of the budgets is used, of each as a share of it, in all."""
        amounts = self._ledger.allowance.amounts
        shares = (
            max(0.0, full_at - now) / amount.period_s
            for full_at, amount in zip(self._full_at, amounts, strict=True)
        )
        return sum(shares) + (self._cool_at > now) + self._rooms_used(now)

    def _rooms_used(self, now: float) -> float:
        period_s = self._ledger.allowance.room.period_s
        return max((max(0.0, at - now) / period_s for at in self._rooms.values()), default=0.0)

    def _take(self, budget: Budget, number: float, now: float) -> float:
        """Take from a budget and give 0; or the seconds until so much is there."""
        amount = self._ledger.allowance.amounts[budget]
        full_at = amount.full_at(self._full_at[budget], number, now)
        if (wait_s := amount.wait_s(full_at, now)) > 0:
            return wait_s
        self._full_at[budget] = full_at
        if self._ledger.untold is not None:
            self._ledger.note(self.key, now).amounts[budget] += number
        return 0.0

    def _give_back(self, budget: Budget, number: float, now: float) -> None:
        amount = self._ledger.allowance.amounts[budget]
        self._full_at[budget] -= number * amount.period_s / amount.number
        if self._ledger.untold is not None:
            self._ledger.note(self.key, now).amounts[budget] -= number

    def _note_arrival(self, now: float) -> None:
        is_urgent = not self.is_open and now - self.asked_at > _STALE_S
        self._ledger.note(self.key, now, is_urgent=is_urgent)

    def _note_post(self, room: str, size: int, now: float) -> None:
        usage = self._ledger.note(self.key, now)
        usage.amounts[_POSTS] += 1
        usage.amounts[_POST_BYTES] += size
        usage.add_room(room, 1.0)

    def _remember(self, room: str, full_at: float, now: float) -> float:
        """Remember a room and give 0; or the seconds until one that is remembered may be forgotten.

        That is one whose share is whole: nobody gets a share again by going to other rooms.
        """
        if room not in self._rooms and len(self._rooms) >= _ROOMS_LIMIT:
            first = min(self._rooms, key=self._rooms.__getitem__)
            if (wait_s := self._rooms[first] - now) > 0:
                return wait_s
            del self._rooms[first]
        self._rooms[room] = full_at
        return 0.0

    def _tell(self, budget: Budget) -> None:
        amount = self._ledger.allowance.amounts[budget]
        self._ledger.tell(amount.setting, f"An address is limited: {amount}")

    # --- with the lock held, for other workers ---------------------------------------------

    def move(self, key: bytes, older: tuple[bytes, ...], now: float) -> None:
        """Be known by another hash, that of today; the others have one of the older, if any."""
        ledger = self._ledger
        assert ledger.untold is not None
        untold = ledger.untold.pop(self.key, None)
        self.key, self.older = key, dict.fromkeys(older, (0, 0)) or None
        usage = ledger.note(key, now, is_urgent=True)
        if untold is not None:
            usage.add(untold)

    def standing(self, rooms: Iterable[str]) -> Standing:
        """Tell where it stands, and in these rooms."""
        return Standing(
            dict(zip(Budget, self._full_at, strict=True)),
            {room: self._rooms.get(room, 0.0) for room in rooms},
            self._cool_at,
        )

    def stand(self, told: Standing, asked_at: float) -> None:
        """Stand where all workers know it to stand, and take what was used since they were told."""
        self.asked_at = asked_at
        ledger = self._ledger
        assert ledger.untold is not None
        usage = ledger.untold.get(self.key)
        for budget, full_at in told.full_at.items():
            used = usage.amounts[budget] if usage else 0.0
            self._full_at[budget] = full_at + ledger.allowance.amounts[budget].back_s(used)
        for room, full_at in told.rooms.items():
            posts = usage.rooms.get(room, 0.0) if usage else 0.0
            self._learn_room(room, full_at + ledger.allowance.room.back_s(posts))
        self._cool_at = max(self._cool_at, told.cool_at)

    def learn_places(self, sockets: int, websockets: int) -> None:
        """Count what it has at other workers, by its hash of today, and by older ones."""
        older = (self.older or {}).values()
        self.sockets_elsewhere = sockets + sum(each for each, _ in older)
        self.websockets_elsewhere = websockets + sum(each for _, each in older)

    def keep_older(self, key: bytes, sockets: int, websockets: int) -> None:
        """Know what it has at other workers by an older hash, and forget that one if nothing."""
        if self.older is not None and not (sockets or websockets):
            self.older.pop(key, None)
        elif self.older is not None:
            self.older[key] = (sockets, websockets)

    def stand_at_least(self, told: Standing) -> None:
        """Stand no better than it was known to stand by an older hash."""
        for budget, full_at in told.full_at.items():
            self._full_at[budget] = max(self._full_at[budget], full_at)
        for room, full_at in told.rooms.items():
            self._learn_room(room, max(self._rooms.get(room, 0.0), full_at))
        self._cool_at = max(self._cool_at, told.cool_at)

    def _learn_room(self, room: str, full_at: float) -> None:
        if room in self._rooms or len(self._rooms) < _ROOMS_LIMIT:
            self._rooms[room] = full_at
