"""The command `doctor`: what would keep this server from serving well, and what to change."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from time import time
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import click

from chat.cli.operator import operator
from chat.config import SettingError, Settings, read_settings, unknown_settings
from chat.log import LogError
from chat.serving.limits import affordable

_CLOCK_S = 2.0  # two clocks may be apart
_WITHIN_S = 10.0  # for the probe's answers
_MB = 1 << 20
_FREE_MB = 512  # of the disk, below which it is worth a word
_SMALL_FILES = {"tmpfs", "ramfs"}  # file systems that are gone with the power
_FAR_FILES = {"nfs", "nfs4", "cifs", "smbfs", "fuse.sshfs", "9p"}  # whose locks cannot be trusted


class Finding(NamedTuple):
    """One thing that was looked at."""

    level: str  # "ok", "warn", or "bad": the server does not serve, or loses something
    subject: str
    sentence: str  # what it is, and what to change


@click.command()
@click.option("--url", help="The address that people open, to see what the proxy passes on.")
def doctor(url: str | None) -> None:
    """Look at settings, database, disk, Redis, limits, proxy and clock; say what to change.

    It ends with 1 if something is bad.
    """
    findings: list[Finding] = []
    for finding in _all(url):
        findings.append(finding)
        mark = {"ok": "ok  ", "warn": "WARN", "bad": "BAD "}[finding.level]
        click.echo(f"{mark}  {finding.subject}: {finding.sentence}")
    if any(each.level == "bad" for each in findings):
        sys.exit(1)


def _all(url: str | None) -> Iterator[Finding]:
    try:
        settings = read_settings()
    except SettingError as error:
        yield Finding("bad", "settings", str(error))
        return
    yield from _settings(settings)
    if settings.redis_url:
        yield from _redis(settings)
    else:
        yield from _disk(settings)
    yield from _log(settings)
    yield from _limits(settings)
    if url is not None:
        yield from _proxy(settings, url.rstrip("/"))


def _settings(settings: Settings) -> Iterator[Finding]:
    unknown = unknown_settings()
    for sentence in unknown:
        yield Finding("warn", "settings", sentence)
    if not settings.chat_admin_token:
        sentence = "CHAT_ADMIN_TOKEN is not set: on the page, nobody looks after open rooms"
        yield Finding("warn", "settings", sentence)
    if settings.chat_limits == "off":
        yield Finding("warn", "settings", "CHAT_LIMITS=off is for benchmarks: nobody is limited")
    if settings.web_concurrency > 1 and not settings.redis_url:
        sentence = f"WEB_CONCURRENCY={settings.web_concurrency} needs REDIS_URL: set it, or set 1"
        yield Finding("bad", "settings", sentence)
    if not unknown:
        yield Finding("ok", "settings", "all values are allowed")


def _disk(settings: Settings) -> Iterator[Finding]:
    path = settings.database.resolve()
    folder = next(each for each in path.parents if each.exists())
    free = shutil.disk_usage(folder).free // _MB
    kind = _file_system(str(folder))
    if kind in _SMALL_FILES:
        sentence = f"{folder} is in memory ({kind}): set CHAT_DATABASE to a file on a disk"
        yield Finding("bad", "disk", sentence)
    elif kind in _FAR_FILES:
        sentence = f"{folder} is on another machine ({kind}), where SQLite's locks may not hold"
        yield Finding("bad", "disk", f"{sentence}: set CHAT_DATABASE to a file on a disk here")
    if free < _FREE_MB:
        sentence = f"{free:,} MB are free at {folder}: free some, or lower CHAT_RETENTION_…"
        yield Finding("warn", "disk", sentence)
    else:
        yield Finding("ok", "disk", f"{free:,} MB are free at {folder}")


def _file_system(folder: str) -> str:
    """Give the kind of the file system that a folder is on; "" where that is unknown."""
    try:
        with open("/proc/mounts", encoding="utf-8") as mounts:  # noqa: PTH123 -- it is no file
            found = [line.split()[1:3] for line in mounts]
    except OSError:  # this is not Linux
        return ""
    fitting = [
        (mount, kind)
        for mount, kind in found
        if folder == mount or folder.startswith(mount.rstrip("/") + "/")
    ]
    return max(fitting, key=lambda each: len(each[0]), default=("", ""))[1]


def _redis(settings: Settings) -> Iterator[Finding]:
    # Who keeps all in a file need not wait for the client of Redis.
    from redis.exceptions import RedisError

    from chat.log.redis_watch import check_servers
    from chat.redis.servers import Servers

    place, servers = settings.redis_place, Servers(settings.redis_url)
    try:
        check_servers(servers, place)
        for info in servers.info():
            if info.get("aof_enabled") != "1":
                sentence = (
                    "appendonly is no: what was confirmed is lost with the power. Set it to yes"
                )
                yield Finding("bad", "Redis", f"{place}: {sentence}")
            if info.get("maxmemory", "0") == "0":
                sentence = "maxmemory is not set: the system may end it when memory is short"
                yield Finding("warn", "Redis", f"{place}: {sentence}")
        ((seconds, micros),) = servers.ask_strictly([(0, ("TIME",))])
        yield from _clock(f"{place}'s clock", int(seconds) + int(micros) / 1e6)
        yield Finding("ok", "Redis", f"{place} answers")
    except RedisError as error:
        yield Finding("bad", "Redis", f"{place} cannot be asked: {error}")
    except LogError as error:
        yield Finding("bad", "Redis", str(error))
    finally:
        servers.close()


def _clock(whose: str, there: float) -> Iterator[Finding]:
    apart = there - time()
    if abs(apart) > _CLOCK_S:
        sentence = f"{whose} is {abs(apart):.0f} s {'ahead' if apart > 0 else 'behind'}"
        yield Finding("warn", "clock", f"{sentence}: let both follow a time server (NTP)")
    else:
        yield Finding("ok", "clock", f"it agrees with {whose}")


def _log(settings: Settings) -> Iterator[Finding]:
    """Open the log, or ask the server that has it; compare the newest entry with the clock."""
    try:
        if not settings.redis_url and not settings.database.exists():
            yield Finding("ok", "database", f"{settings.database} will be made by the server")
            return
        with operator(settings) as asking:
            rooms = asking.ask("GET", "rooms", limit=500)["rooms"]
            times = [datetime.fromisoformat(each["at"]) for each in rooms if each["at"]]
            newest = max(times, default=datetime.now(UTC)).timestamp()
            where = settings.redis_place or settings.database
            yield Finding("ok", "database", f"{where} can be read, {asking.how}")
            if newest > time() + _CLOCK_S:
                sentence = (
                    f"its newest entry is {newest - time():.0f} s in the future: set the clock"
                )
                yield Finding("bad", "clock", sentence)
    except (LogError, click.ClickException) as error:
        yield Finding("bad", "database", str(error))


def _limits(settings: Settings) -> Iterator[Finding]:
    wanted = settings.chat_max_connections
    found = affordable(wanted, workers=settings.web_concurrency)
    if found.limit:
        sentence = (
            f"{found.limit}: {found.connections} of {wanted} connections (CHAT_MAX_CONNECTIONS)"
        )
        yield Finding(
            "warn", "limits", f"{sentence}. Raise it, for a service by LimitNOFILE, TasksMax"
        )
    else:
        yield Finding("ok", "limits", f"files and processes are enough for {wanted} connections")


# --- the proxy, as a probe sees it ----------------------------------------------------------------


def _proxy(settings: Settings, url: str) -> Iterator[Finding]:
    try:
        with urlopen(f"{url}/api/probe", timeout=_WITHIN_S) as answer:  # noqa: S310 -- theirs
            seen: dict[str, Any] = json.load(answer)
    except HTTPError as error:
        detail = error.read(500).decode("utf-8", "replace").strip()
        yield Finding("bad", "proxy", f"{url} answers {error.code}: {detail}")
        return
    except (URLError, OSError, ValueError) as error:
        yield Finding("bad", "proxy", f"{url} cannot be asked: {error}")
        return
    yield from _addresses(settings, seen)
    if url.startswith("https:") and not seen["tls"]:
        sentence = "it does not say that people come with TLS: let it send X-Forwarded-Proto"
        yield Finding("warn", "proxy", sentence)
    yield from _socket(url)


def _addresses(settings: Settings, seen: dict[str, Any]) -> Iterator[Finding]:
    """Compare the addresses that proxies have added with the proxies that are trusted."""
    added, trusted = len(seen["forwarded_for"]), seen["trusted_proxies"]
    if trusted != settings.trusted_proxies:
        sentence = (
            f"the server has TRUSTED_PROXIES={trusted}, this command {settings.trusted_proxies}"
        )
        yield Finding("warn", "proxy", sentence)
    if added > trusted:
        sentence = (
            f"{added} proxies add an address, {trusted} are trusted: set TRUSTED_PROXIES={added}"
        )
        yield Finding("bad", "proxy", sentence)
    elif added < trusted:
        sentence = (
            f"{trusted} proxies are trusted, {added} add an address: anybody may claim another's"
        )
        yield Finding("bad", "proxy", f"{sentence}. Let them add X-Forwarded-For, or lower it")
    else:
        yield Finding("ok", "proxy", f"people have the address {seen['address'] or 'of nobody'}")


def _socket(url: str) -> Iterator[Finding]:
    """Open a WebSocket as the page does."""
    from simple_websocket import Client, ConnectionClosed, ConnectionError

    address = "ws" + url.removeprefix("http") + "/ws"
    try:
        ws = Client(address)
        try:
            ws.send('{"type": "ping"}')
            answer = ws.receive(_WITHIN_S)
        finally:
            ws.close()
    except (ConnectionError, ConnectionClosed, OSError) as error:
        sentence = f"no WebSocket passes ({error}): let the proxy pass Upgrade and Connection on"
        yield Finding("bad", "proxy", f"{sentence} (docs/deploy.md)")
        return
    if answer is None:
        yield Finding("bad", "proxy", "a WebSocket opens, and nothing comes over it")
    else:
        yield Finding("ok", "proxy", "a WebSocket passes")
