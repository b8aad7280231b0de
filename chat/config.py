"""Every setting: its name, default, unit and bounds; read once, refused at boot.

The table below is the documentation: `make reference` makes docs/settings.md from its names, types,
defaults and comments. A field's name in upper case is the setting's name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Meta, inspect

#: The settings of a server that has its conversations in a file.
NO_REDIS = {"REDIS_URL": "", "CHAT_REDIS_REPLICAS": ""}


class SettingError(Exception):
    """A setting that is wrong: one line with its name, its value and what is allowed."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, rename=str.upper):
    """The settings of one process."""

    # --- Address and proxies

    #: Address to listen on; with `PORT` and without `HOST` it is `0.0.0.0`, as platforms expect.
    host: str = "127.0.0.1"
    #: TCP port to listen on.
    port: Annotated[int, Meta(ge=1, le=65535)] = 8080
    #: Reverse proxies in front whose X-Forwarded-For, -Host, -Prefix and -Proto are believed; the
    #: Procfile sets 1, for the router of the platform.
    trusted_proxies: Annotated[int, Meta(ge=0, le=10)] = 0
    #: The path under which a proxy in front shows the chat, like `/chat`.
    script_name: str = ""

    # --- Workers and storage

    #: Workers, which are processes; more than one needs `REDIS_URL`. A platform may set it by
    #: itself.
    web_concurrency: Annotated[int, Meta(ge=1, le=1024)] = 1
    #: The Redis server, or one of a cluster, that has the log, like
    #: `redis://:password@host:6379/0`, `rediss://…` or `unix:///path`; empty: the SQLite file has
    #: it.
    redis_url: str = ""
    #: Replicas of the Redis server that must have a post before it is acknowledged.
    chat_redis_replicas: Annotated[int, Meta(ge=0, le=10)] = 0
    #: The SQLite file; empty: `instance/tchat.db` beside the program, or for a program that was
    #: installed (`pip install`, pipx), `tchat.db` in its user's data folder.
    chat_database: str = ""

    # --- Who may connect

    #: WebSockets admitted per worker; the next one gets 503.
    chat_max_connections: Annotated[int, Meta(ge=1, le=50_000)] = 1000
    #: Origins besides our own whose pages may connect, separated by commas, like
    #: `https://www.example.org`.
    chat_allowed_origins: str = ""
    #: Names under which the chat may be asked for, besides those of this machine and its network,
    #: separated by commas, like `chat.example.org,*.example.net`.
    chat_hosts: str = ""

    # --- Secrets and the log

    #: The secret that lets a program on another machine read `/metrics`; empty: none may.
    chat_metrics_token: Annotated[str, Meta(min_length=16, max_length=256)] = ""
    #: The secret that owns every room, typed on the page and never in an address; empty: nobody
    #: looks after rooms that have no owner.
    chat_admin_token: Annotated[str, Meta(min_length=16, max_length=256)] = ""
    #: The least important lines that are in the log.
    chat_log_level: Literal["debug", "info", "warning", "error"] = "info"
    #: How a line of the log looks: for people, or one JSON object.
    chat_log_format: Literal["console", "json"] = "console"
    #: The file that has the log; empty: standard error.
    chat_log_file: str = ""
    #: What the log says of people's addresses: their network (`203.0.113.x`, `2001:db8:1::/48`),
    #: all of them, or nothing.
    chat_log_addresses: Literal["short", "full", "none"] = "short"

    # --- What people may ask

    #: All limits on what one person or one address may ask; off for benchmarks.
    chat_limits: Literal["on", "off"] = "on"
    # An address is IPv4's, or the first 64 bits of IPv6's. All of an amount may be used at once;
    # then it comes back evenly. docs/limits.md explains it.
    #: Sockets of one address at a time; 0: a quarter of all.
    chat_address_sockets: Annotated[int, Meta(ge=0, le=100_000)] = 0
    #: WebSockets of one address at a time; 0: a quarter of `CHAT_MAX_CONNECTIONS`, but at least 40.
    chat_address_websockets: Annotated[int, Meta(ge=0, le=50_000)] = 0
    #: New WebSockets of one address a minute.
    chat_address_connects: Annotated[int, Meta(ge=1, le=1_000_000)] = 600
    #: Joins of one address a minute; one that comes back to its place counts a tenth.
    chat_address_joins: Annotated[int, Meta(ge=1, le=1_000_000)] = 300
    #: Rooms that one address enters for the first time, an hour.
    chat_address_new_rooms: Annotated[int, Meta(ge=1, le=1_000_000)] = 600
    #: Posts of one address a minute.
    chat_address_posts: Annotated[int, Meta(ge=1, le=10_000_000)] = 3000
    #: Bytes of text that one address posts a minute.
    chat_address_post_bytes: Annotated[int, Meta(ge=16_384, le=2**40)] = 1_048_576
    #: Changes of nick of one address a minute.
    chat_address_renames: Annotated[int, Meta(ge=1, le=1_000_000)] = 60
    #: Signs that somebody writes, of one address a minute.
    chat_address_typing: Annotated[int, Meta(ge=1, le=1_000_000)] = 1200
    #: Bytes of older and missed messages that one address is sent a minute.
    chat_address_sent_bytes: Annotated[int, Meta(ge=1_048_576, le=2**40)] = 33_554_432
    #: Refused commands of one address a minute; with more, its connections are closed (1008).
    chat_address_refusals: Annotated[int, Meta(ge=1, le=1_000_000)] = 1200
    #: Acts of owners that are no messages, like muting, of one address a minute.
    chat_address_acts: Annotated[int, Meta(ge=1, le=1_000_000)] = 120
    #: Reports, and removals of all of one's own messages, of one address an hour.
    chat_address_reports: Annotated[int, Meta(ge=1, le=1_000_000)] = 60
    #: Wrong owner keys and operator's tokens of one address an hour.
    chat_address_wrong_keys: Annotated[int, Meta(ge=1, le=1_000_000)] = 100
    #: Percent of what a room keeps that one address may add to it at once, and in four hours.
    chat_room_share_percent: Annotated[float, Meta(ge=0.01, le=100)] = 5.0
    #: Posts of one connection in five seconds.
    chat_connection_posts: Annotated[int, Meta(ge=1, le=1_000_000)] = 100
    #: Other commands of one connection in five seconds.
    chat_connection_commands: Annotated[int, Meta(ge=10, le=1_000_000)] = 100
    #: Refused commands of one connection in 50 seconds; then it is closed (1008).
    chat_connection_refusals: Annotated[int, Meta(ge=1, le=1_000_000)] = 500
    #: Seconds after which a WebSocket that has not sent `join` is closed.
    chat_join_within_s: Annotated[float, Meta(ge=0.1, le=3600)] = 15.0
    #: Seconds from one change of nick of a member to the next.
    chat_rename_every_s: Annotated[float, Meta(ge=0, le=3600)] = 10.0
    #: Seconds without a new WebSocket for an address of which one was closed for abuse.
    chat_cool_down_s: Annotated[float, Meta(ge=0, le=3600)] = 30.0
    #: Bytes that wait for one slow connection before it is closed (4008).
    chat_outbox_bytes: Annotated[int, Meta(ge=65_536, le=67_108_864)] = 1_048_576

    # --- What is kept

    #: Messages kept in each room's log, besides all that `CHAT_RETENTION_MIN_HOURS` keeps.
    chat_retention_messages: Annotated[int, Meta(ge=1000, le=100_000_000)] = 100_000
    #: Hours in which a message is kept, however many there are; 0: none.
    chat_retention_min_hours: Annotated[int, Meta(ge=0, le=8760)] = 24
    #: Days a message is kept; 0 for as long as it is not one too many.
    chat_retention_days: Annotated[int, Meta(ge=0, le=36_500)] = 0
    #: Days on which the server ran and nobody used a room, until it loses its messages; 0: never.
    chat_room_idle_days: Annotated[int, Meta(ge=0, le=36_500)] = 365
    #: Bytes of the database with its WAL, at least 16777216; then no message is stored until there
    #: is space. 0: the disk's free space decides.
    chat_database_bytes: Annotated[int, Meta(ge=0, le=1 << 60)] = 0

    # --- People and connections

    #: Seconds after which a message can no longer be edited; 0: none is ever edited.
    chat_edit_within_s: Annotated[int, Meta(ge=0, le=31_536_000)] = 900
    #: Seconds a nick stays its member's after its last use in the room.
    chat_nick_reservation_s: Annotated[float, Meta(ge=0, le=31_536_000)] = 600.0
    #: Seconds a member may be without a connection before the room sees it leave.
    chat_leave_grace_s: Annotated[float, Meta(ge=0, le=600)] = 10.0
    #: Seconds of silence before a connection is pinged; after as many again it is gone.
    chat_ping_interval_s: Annotated[float, Meta(ge=0.1, le=50)] = 25.0

    @property
    def database(self) -> Path:
        """Give the SQLite file, without `~`; links to it stay, because they may be turned.

        Raises SettingError.
        """
        given = f"CHAT_DATABASE={self.chat_database!r}"
        try:
            path = Path(self.chat_database or _default_database()).expanduser().absolute()
            path.resolve()
        except (OSError, RuntimeError) as error:  # nobody's home; links that go in a circle
            raise SettingError(f"{given} is not allowed: {error}") from None
        if path.is_dir():
            raise SettingError(f"{given} is a folder: name a file in it, {path / 'tchat.db'}")
        return path

    @property
    def log_file(self) -> str:
        """Give the file that has the log; empty for standard error.

        Raises SettingError when nothing can be written there, before anybody misses a line.
        """
        if not self.chat_log_file:
            return ""
        path = Path(self.chat_log_file)
        if not path.is_absolute():  # gunicorn may change the folder
            raise SettingError(
                f"CHAT_LOG_FILE={self.chat_log_file!r} is not allowed: it must be a whole path, "
                "like /var/log/tchat/tchat.log"
            )
        if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
            raise SettingError(
                f"CHAT_LOG_FILE={self.chat_log_file!r} is not allowed: no file can be written there"
            )
        return self.chat_log_file

    @property
    def redis_place(self) -> str:
        """Give REDIS_URL for people: without user, password and options; empty if it is not set."""
        if not self.redis_url:
            return ""
        url = urlsplit(self.redis_url)
        return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"

    @property
    def limited(self) -> bool:
        """Tell whether rate limits apply."""
        return self.chat_limits == "on"

    @property
    def rename_every_s(self) -> float:
        """Give the seconds from one change of nick of a member to the next."""
        return self.chat_rename_every_s if self.limited else 0.0

    @property
    def allowed_origins(self) -> frozenset[str]:
        """Give the origins besides our own, in the form a browser sends them."""
        origins = (origin.strip() for origin in self.chat_allowed_origins.split(","))
        return frozenset(origin.rstrip("/").lower() for origin in origins if origin)

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """Give the names under which the chat may be asked for; `*.example.org` for all below."""
        hosts = (host.strip() for host in self.chat_hosts.split(","))
        return frozenset(host.lower() for host in hosts if host)


def _default_database() -> Path:
    """Give the file of a server for which nobody has named one."""
    root = Path(__file__).parent.parent
    if (root / "pyproject.toml").exists():  # a checkout
        return root / "instance" / "tchat.db"
    from platformdirs import user_data_path  # a checkout does without

    return user_data_path("tchat") / "tchat.db"


def read_settings(overrides: Mapping[str, object] | None = None) -> Settings:
    """Read the settings from the environment, `overrides` first.

    Raises SettingError, one line, at the first value that is not allowed.
    """
    given = {**os.environ, **(overrides or {})}
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(Settings):
        name = field.encode_name
        if given.get(name) in (None, ""):
            continue
        try:
            values[field.name] = msgspec.convert(given[name], field.type, strict=False)
        except msgspec.ValidationError:
            # A secret is not for the log, not even one that is too short.
            value = "" if name.endswith("_TOKEN") else f"={given[name]!r}"
            raise SettingError(
                f"{name}{value} is not allowed: it must be {allowed_values(field.type)}"
            ) from None
    if "port" in values:
        values.setdefault("host", "0.0.0.0")  # noqa: S104 - a platform's router must reach it
    try:
        values["script_name"] = clean_prefix(str(values.get("script_name", "")))
    except ValueError:
        raise SettingError(
            f"SCRIPT_NAME={given['SCRIPT_NAME']!r} is not allowed: it must look like /chat"
        ) from None
    settings = Settings(**values)  # type: ignore[arg-type]
    _refuse_what_cannot_be(settings)
    return settings


# Nothing that would have to be quoted, in an address or in HTML, and no name of another host.
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9._~-]*){1,8}")
_PREFIX_LIMIT = 100  # characters


def clean_prefix(prefix: str) -> str:
    """Check the path under which the chat is shown: like /chat, or empty; `/chat/` is the same.

    Raises ValueError.
    """
    prefix = prefix.removesuffix("/")
    if prefix and not (len(prefix) <= _PREFIX_LIMIT and _PREFIX.fullmatch(prefix)):
        raise ValueError("no prefix")
    return prefix


# A name, perhaps with a port, which nothing depends on.
_HOST = re.compile(r"(?:\*\.)?[^\s/:@?#*\[\]]+(?::[0-9]{1,5})?")


def unknown_settings() -> list[str]:
    """Give a sentence for each CHAT_… variable that is none of ours: perhaps a misspelt one.

    They are not refused: Kubernetes sets CHAT_PORT and the like for a service called chat.
    """
    known = [field.encode_name for field in msgspec.structs.fields(Settings)]
    sentences = []
    for name in sorted(os.environ):
        if name.upper().startswith("CHAT_") and name not in known:
            nearest = get_close_matches(name.upper(), known, n=1)
            hint = f"do you mean {nearest[0]}?" if nearest else "docs/settings.md lists them all"
            sentences.append(f"{name} is ignored, because there is no such setting: {hint}")
    return sentences


_DATABASE_BYTES_MIN = 16 << 20  # the WAL alone takes some megabytes


def allowed_values(kind: object) -> str:
    """Say which values a setting's type allows: "a whole number from 1 to 65535"."""
    known = inspect.type_info(kind)
    match known:
        case inspect.LiteralType(values):
            return " or ".join(map(str, values))
        case inspect.IntType():
            return f"a whole number from {known.ge} to {known.le}"
        case inspect.FloatType():
            return f"a number from {known.ge} to {known.le}"
        case inspect.StrType(min_length=int()):
            return f"a text of {known.min_length} to {known.max_length} characters"
    return "text"


def _refuse_what_cannot_be(settings: Settings) -> None:
    if settings.redis_url and not _is_redis_url(settings.redis_url):
        raise SettingError(
            "REDIS_URL is not allowed: it must look like redis://:password@host:6379/0, rediss://… "
            "or unix:///path (it is not shown here, because it may have a password)"
        )
    if settings.chat_redis_replicas and not settings.redis_url:
        raise SettingError(
            f"CHAT_REDIS_REPLICAS={settings.chat_redis_replicas} is not allowed: "
            "there is no REDIS_URL"
        )
    if 0 < settings.chat_database_bytes < _DATABASE_BYTES_MIN:
        raise SettingError(
            f"CHAT_DATABASE_BYTES={settings.chat_database_bytes} is not allowed: it must be 0, "
            f"or at least {_DATABASE_BYTES_MIN}"
        )
    for origin in settings.allowed_origins:
        # An origin has no path: with one it would never match.
        if not re.fullmatch(r"https?://[^/?#]+", origin):
            raise SettingError(
                f"CHAT_ALLOWED_ORIGINS={settings.chat_allowed_origins!r} is not allowed: "
                f"{origin!r} must look like https://chat.example.org"
            )
    for host in settings.allowed_hosts:
        if not _HOST.fullmatch(host):
            raise SettingError(
                f"CHAT_HOSTS={settings.chat_hosts!r} is not allowed: "
                f"{host!r} must look like chat.example.org or *.example.org"
            )


# What the client of Redis may be told in a URL, besides what comes before the question mark.
_REDIS_OPTIONS = {
    "redis": (),
    "rediss": (
        "ssl_ca_certs",
        "ssl_cert_reqs",
        "ssl_certfile",
        "ssl_check_hostname",
        "ssl_keyfile",
    ),
    "unix": ("db",),
}


def _is_redis_url(url: str) -> bool:
    """Tell whether a URL names a Redis server, in a way that no password is taken for its name."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        options = parse_qs(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        return False
    is_file = parts.scheme == "unix"
    return (
        parts.scheme in _REDIS_OPTIONS
        and options.keys() <= set(_REDIS_OPTIONS[parts.scheme])
        and not parts.fragment
        and (not host and port is None if is_file else bool(host))
        and bool(re.fullmatch(r"/[^@]+" if is_file else r"(/\d*)?", parts.path))
        and not re.search(r"[\s\x00-\x1f\x7f]", url)
    )


def refuse_several_workers(settings: Settings, workers: int) -> None:
    """Refuse more than one process without Redis: they would split each room in two.

    Raises SettingError.
    """
    if workers > 1 and not settings.redis_url:
        raise SettingError(
            f"{workers} workers are not allowed: without REDIS_URL they would split every room in "
            "silence. Set it, or start one worker (-w 1)"
        )
