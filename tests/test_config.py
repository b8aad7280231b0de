"""Every setting has bounds, and a value outside them is refused in one helpful line."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import msgspec
import pytest

from chat.config import SettingError, Settings, read_settings, refuse_several_workers
from tests.support.servers import ROOT

_FIXED = ("HOST", "PORT", "SCRIPT_NAME", "TRUSTED_PROXIES", "WEB_CONCURRENCY", "REDIS_URL")

# setting, attribute, smallest allowed, largest allowed, below that, above that
BOUNDS = [
    ("PORT", "port", 1, 65535, 0, 65536),
    ("TRUSTED_PROXIES", "trusted_proxies", 0, 10, -1, 11),
    ("WEB_CONCURRENCY", "web_concurrency", 1, 1024, 0, 1025),
    ("CHAT_MAX_CONNECTIONS", "chat_max_connections", 1, 50_000, 0, 50_001),
    ("CHAT_OUTBOX_BYTES", "chat_outbox_bytes", 65_536, 67_108_864, 65_535, 67_108_865),
    ("CHAT_RETENTION_MESSAGES", "chat_retention_messages", 1000, 10**8, 999, 10**8 + 1),
    ("CHAT_RETENTION_MIN_HOURS", "chat_retention_min_hours", 0, 8760, -1, 8761),
    ("CHAT_ROOM_IDLE_DAYS", "chat_room_idle_days", 0, 36_500, -1, 36_501),
    ("CHAT_DATABASE_BYTES", "chat_database_bytes", 0, 1 << 60, -1, (1 << 60) + 1),
    ("CHAT_NICK_RESERVATION_S", "chat_nick_reservation_s", 0, 31_536_000, -0.1, 31_536_001),
    ("CHAT_LEAVE_GRACE_S", "chat_leave_grace_s", 0, 600, -0.1, 600.1),
    ("CHAT_ADDRESS_SOCKETS", "chat_address_sockets", 0, 100_000, -1, 100_001),
    ("CHAT_ADDRESS_JOINS", "chat_address_joins", 1, 1_000_000, 0, 1_000_001),
    ("CHAT_ADDRESS_POST_BYTES", "chat_address_post_bytes", 16_384, 2**40, 16_383, 2**40 + 1),
    ("CHAT_ADDRESS_ACTS", "chat_address_acts", 1, 1_000_000, 0, 1_000_001),
    ("CHAT_ADDRESS_REPORTS", "chat_address_reports", 1, 1_000_000, 0, 1_000_001),
    ("CHAT_ADDRESS_WRONG_KEYS", "chat_address_wrong_keys", 1, 1_000_000, 0, 1_000_001),
    ("CHAT_EDIT_WITHIN_S", "chat_edit_within_s", 0, 31_536_000, -1, 31_536_001),
    ("CHAT_ROOM_SHARE_PERCENT", "chat_room_share_percent", 0.01, 100, 0, 100.1),
    ("CHAT_JOIN_WITHIN_S", "chat_join_within_s", 0.1, 3600, 0, 3601),
    ("CHAT_PING_INTERVAL_S", "chat_ping_interval_s", 0.1, 50, 0.09, 50.1),
]


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tuple(os.environ):
        if name in _FIXED or name.startswith("CHAT_"):
            monkeypatch.delenv(name)


def refusal(name: str, value: object) -> str:
    """Give the one line that refuses a value."""
    with pytest.raises(SettingError) as caught:
        read_settings({name: value})
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(name)
    return line


def test_nothing_set_gives_a_server_for_this_machine_alone() -> None:
    settings = read_settings()

    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.chat_max_connections == 1000
    assert settings.trusted_proxies == 0
    assert settings.limited
    assert settings.allowed_origins == frozenset()


#: A row of a table of settings: name, default and what else stands there.
ROW = re.compile(r"^\| `([A-Z_]+)` \| *([^|]*?) *\| *(.*) \|$", re.MULTILINE)


def test_page_of_settings_is_what_the_module_makes() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools/settings.py", "--check"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_each_setting_is_on_its_page_with_its_default_its_bounds_and_a_sentence() -> None:
    rows = {row[1]: row for row in ROW.finditer((ROOT / "docs/settings.md").read_text())}
    for field in msgspec.structs.fields(Settings):
        row = rows[field.encode_name]
        assert row[2].strip("`") == str(field.default).removesuffix(".0"), row[0]
        allowed, meaning = row[3].split(" | ")
        assert len(meaning.split()) > 3, row[0]
        kind = msgspec.inspect.type_info(field.type)
        bounds = ("ge", "le", "min_length", "max_length")
        for bound in filter(None, (getattr(kind, bound, None) for bound in bounds)):
            assert str(bound) in allowed.split(), row[0]


@pytest.mark.parametrize("page", ["README.md", "README.fr.md", "docs/limits.md"])
def test_default_of_a_setting_is_the_same_on_every_page(page: str) -> None:
    defaults = {
        field.encode_name: str(field.default).removesuffix(".0")
        for field in msgspec.structs.fields(Settings)
    }
    rows = ROW.findall((ROOT / page).read_text())
    assert rows
    for name, default, _ in rows:
        if name != "CHAT_DATABASE":  # the default is computed
            assert default.strip("`") == defaults[name], name


@pytest.mark.parametrize(("name", "attribute", "low", "high", "below", "above"), BOUNDS)
def test_bound_is_allowed_and_what_lies_beyond_is_refused(
    name: str, attribute: str, low: float, high: float, below: float, above: float
) -> None:
    for allowed in (low, high):
        assert getattr(read_settings({name: str(allowed)}), attribute) == allowed
    for bound, refused in ((low, below), (high, above)):
        line = refusal(name, str(refused))
        assert repr(str(refused)) in line
        assert f"{bound:g}" in line or str(bound) in line


@pytest.mark.parametrize("value", ["x", "1.5", "0x50", "9" * 30, "8080\nHOST=0.0.0.0", "٣x"])
def test_port_that_is_no_number_is_refused_with_its_value(value: str) -> None:
    line = refusal("PORT", value)

    assert repr(value) in line
    assert "a whole number from 1 to 65535" in line


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "10s"])
def test_duration_that_is_no_number_is_refused(value: str) -> None:
    assert repr(value) in refusal("CHAT_PING_INTERVAL_S", value)


def test_database_that_would_be_full_at_once_is_refused() -> None:
    assert read_settings({"CHAT_DATABASE_BYTES": "16777216"}).chat_database_bytes == 16 << 20
    assert "at least 16777216" in refusal("CHAT_DATABASE_BYTES", "16777215")


def test_limits_are_on_or_off_and_the_refusal_says_so() -> None:
    assert not read_settings({"CHAT_LIMITS": "off"}).limited

    line = refusal("CHAT_LIMITS", "no")

    assert "'no'" in line
    allowed = line.split("is not allowed", 1)[1]
    assert re.search(r"\bon\b", allowed)
    assert re.search(r"\boff\b", allowed)


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_MAX_CONNECTIONS", "7")

    assert read_settings().chat_max_connections == 7


def test_override_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_MAX_CONNECTIONS", "7")

    assert read_settings({"CHAT_MAX_CONNECTIONS": 9}).chat_max_connections == 9


def test_empty_value_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*_FIXED, "CHAT_LIMITS", "CHAT_DATABASE", "CHAT_PING_INTERVAL_S"):
        monkeypatch.setenv(name, "")

    assert read_settings() == Settings()


def test_port_of_a_platform_is_listened_to_on_every_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PORT", "5000")
    assert (read_settings().host, read_settings().port) == ("0.0.0.0", 5000)

    monkeypatch.setenv("HOST", "127.0.0.1")
    assert (read_settings().host, read_settings().port) == ("127.0.0.1", 5000)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://localhost", "redis://localhost"),
        ("redis://:hush@[::1]:6379/0", "redis://[::1]:6379/0"),
        ("rediss://me:hu@sh%2F@example.org/3?ssl_cert_reqs=none", "rediss://example.org/3"),
        ("unix://me:hush@/run/redis.sock?db=1", "unix:///run/redis.sock"),
    ],
)
def test_address_of_redis_is_told_without_user_password_and_options(url: str, place: str) -> None:
    assert read_settings({"REDIS_URL": url}).redis_place == place


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "localhost:6379",
        "https://:hush@example.org",
        "redis://:hush@example.org:99999",
        "redis://:hush@example.org/zero",
        "redis://:hush@example.org#1",
        "redis://:hush @example.org",
        "redis://:hush@exa\nmple.org",
        "redis://example.org?password=hush",
        "redis://[::1",
        "unix://run/redis.sock",
        # Passwords that were not quoted; a part of them would be taken for a port or a path.
        "redis://:hu/sh@example.org",
        "redis://:6379/hush@example.org",
        "redis://:hu?sh@example.org",
        "redis://:hu#sh@example.org",
        "unix:///hush@/run/redis.sock",
    ],
)
def test_address_that_cannot_be_of_redis_is_refused_without_being_shown(url: str) -> None:
    line = refusal("REDIS_URL", url)

    assert "redis://:password@host:6379/0" in line
    assert "hu" not in line.replace("must", "")
    assert "example.org" not in line


def test_replicas_are_for_redis_alone() -> None:
    settings = {"CHAT_REDIS_REPLICAS": "2", "REDIS_URL": "redis://localhost"}
    assert read_settings(settings).chat_redis_replicas == 2
    assert "no REDIS_URL" in refusal("CHAT_REDIS_REPLICAS", "2")


def test_origins_are_compared_in_the_form_that_browsers_send() -> None:
    settings = read_settings(
        {"CHAT_ALLOWED_ORIGINS": " https://Chat.Example.org/ ,,http://localhost:3000,"}
    )

    assert settings.allowed_origins == {"https://chat.example.org", "http://localhost:3000"}


@pytest.mark.parametrize(
    "origin", ["*", "chat.example.org", "ftp://x.org", "null", "/", "https://x.org/chat"]
)
def test_origin_that_no_browser_sends_is_refused(origin: str) -> None:
    line = refusal("CHAT_ALLOWED_ORIGINS", f"https://fine.example.org,{origin}")

    assert origin in line
    assert "https://" in line


def test_hosts_are_names_perhaps_with_a_port() -> None:
    settings = read_settings({"CHAT_HOSTS": " Chat.Example.org:443 ,,*.example.net, été.example,"})

    assert settings.allowed_hosts == {"chat.example.org:443", "*.example.net", "été.example"}


@pytest.mark.parametrize("host", ["*", "https://x.org", "x.org/chat", "a b", "x*.org", "u@x.org"])
def test_host_that_is_no_name_is_refused(host: str) -> None:
    line = refusal("CHAT_HOSTS", f"fine.example.org,{host}")

    assert repr(host) in line
    assert "like chat.example.org" in line


@pytest.mark.parametrize("name", ["CHAT_METRICS_TOKEN", "CHAT_ADMIN_TOKEN"])
def test_token_that_is_too_short_is_refused_without_being_shown(name: str) -> None:
    line = refusal(name, "hush")

    assert "hush" not in line
    assert "16" in line
    assert getattr(read_settings({name: "h" * 16}), name.lower()) == "h" * 16


def test_addresses_in_the_log_are_short_full_or_none() -> None:
    assert read_settings().chat_log_addresses == "short"
    assert "full or none or short" in refusal("CHAT_LOG_ADDRESSES", "some")


def test_several_workers_are_refused_without_redis() -> None:
    refuse_several_workers(read_settings(), 1)
    refuse_several_workers(read_settings({"REDIS_URL": "redis://localhost"}), 2)
    with pytest.raises(SettingError, match="2 workers") as caught:
        refuse_several_workers(read_settings(), 2)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "command",
    [("-c", "import wsgi"), ("-m", "chat"), ("-m", "flask", "run")],
    ids=["wsgi", "python -m chat", "flask run"],
)
def test_process_with_a_wrong_setting_ends_with_one_line_on_stderr(command: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PORT": "99999"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode != 0
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("Tchat: PORT='99999'")
    assert "65535" in line


@pytest.mark.parametrize(
    ("value", "prefix"), [("", ""), ("/", ""), ("/chat", "/chat"), ("/a/b.c/", "/a/b.c")]
)
def test_prefix_has_one_form(value: str, prefix: str) -> None:
    assert read_settings({"SCRIPT_NAME": value}).script_name == prefix


@pytest.mark.parametrize("value", ["chat", "//x", "/a b", "/..", "/a//b", "https://x/chat", "/é"])
def test_prefix_that_is_no_path_is_refused(value: str) -> None:
    line = refusal("SCRIPT_NAME", value)

    assert repr(value) in line
    assert "/chat" in line
