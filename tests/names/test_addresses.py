"""Whose address a request has, whatever headers its sender wrote; and what the log says of it."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.names.addresses import peer_address, peer_in_log, shortened, subscriber
from chat.web.prefix import TrustedProxies

PROXY = "10.0.0.1"
VISITOR = "203.0.113.7"


def address(forwarded: str | None, proxies: int = 1, peer: str = PROXY) -> str:
    """Ask whose a request is, behind as many trusted proxies as the application is set to."""
    found = []

    def application(environ: dict[str, object], _start: object) -> Iterable[bytes]:
        found.append(peer_address(environ))
        return []

    environ: dict[str, object] = {"REMOTE_ADDR": peer}
    if forwarded is not None:
        environ["HTTP_X_FORWARDED_FOR"] = forwarded
    if proxies:
        TrustedProxies(application, proxies)(environ, lambda *_: lambda _: None)
    else:
        application(environ, None)
    return found[0]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (VISITOR, VISITOR),
        (f"{VISITOR}:4711", VISITOR),
        (f"::ffff:{VISITOR}", VISITOR),
        (f"[::ffff:{VISITOR}]:4711", VISITOR),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:567", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        (f"198.51.100.1, {VISITOR}", VISITOR),  # the first is what the visitor wrote
    ],
)
def test_one_address_has_one_form(written: str, meant: str) -> None:
    assert address(written) == meant


@pytest.mark.parametrize(
    "forged",
    [
        "unknown",
        "_hidden",
        "198.51.100.300",
        "198.51.100.1 198.51.100.2",
        "198.51.100.1:1:1",
        "198.51.100.1:",
        "[198.51.100.1",
        "198.51.100.٣",
        "127.1",
        "0x7f000001",
        "2130706433",
        "[]:80",
        "[]",
        ":80",
        "",
        ",",
        "fe80::1%" + "x" * 100_000,
        "1" * 100_000,
        "\x1b[2J",
    ],
)
def test_what_is_no_address_is_the_proxys_own(forged: str) -> None:
    assert address(forged) == PROXY


def test_nobody_chooses_an_address() -> None:
    for forged in ("198.51.100.1", '"198.51.100.1", "', '198.51.100.1, "x', '"', '\\"', "'", ","):
        assert address(f"{forged}, {VISITOR}") == VISITOR
        assert address(f"{forged}, {VISITOR}, 10.0.0.2", proxies=2) == VISITOR
        assert address(forged, proxies=0, peer=VISITOR) == VISITOR, "nobody is trusted here"


def test_fewer_values_than_proxies_are_not_believed() -> None:
    assert address(VISITOR, proxies=2) == PROXY
    assert address(f"{VISITOR}, 10.0.0.2", proxies=2) == VISITOR
    assert address(None) == PROXY


@pytest.mark.parametrize("peer", ["", "<local>"])  # gunicorn's and Werkzeug's
def test_a_unix_socket_has_no_address_but_the_proxys_header(peer: str) -> None:
    assert address(None, peer=peer) == ""
    assert address("unknown", peer=peer) == ""
    assert address(VISITOR, peer=peer) == VISITOR
    assert address(VISITOR, proxies=0, peer=peer) == ""


@given(st.text(max_size=80), st.integers(0, 3))
def test_any_header_gives_an_address(forwarded: str, proxies: int) -> None:
    found = address(forwarded, proxies)

    assert found == str(ip_address(found))
    assert proxies or found == PROXY


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        ("203.0.113.7", "203.0.113.x"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("::1", "::/48"),
        ("", ""),
        ("unknown", ""),
    ],
)
def test_log_gets_the_network_alone(whole: str, part: str) -> None:
    assert shortened(whole) == part


def test_log_gets_of_an_address_what_the_setting_says() -> None:
    environ = {"REMOTE_ADDR": VISITOR}
    assert peer_in_log(environ, "short") == "203.0.113.x"
    assert peer_in_log(environ, "full") == VISITOR
    assert peer_in_log(environ, "none") == "somebody"
    assert peer_in_log({"REMOTE_ADDR": ""}, "full") == "somebody"


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        (VISITOR, VISITOR),
        (f"::ffff:{VISITOR}", VISITOR),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("", ""),
        ("unknown", ""),
    ],
)
def test_subscriber_has_an_address_or_64_bits(whole: str, part: str) -> None:
    assert subscriber(whole) == part
