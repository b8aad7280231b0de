"""Addresses as people copy them from their browser."""

from __future__ import annotations

import pytest

from chat.client import AddressError, read_address

KEY = "0123456789abcdefghij-_"


@pytest.mark.parametrize(
    ("url", "ws_url", "room"),
    [
        ("http://localhost:8080", "ws://localhost:8080/ws", "general"),
        ("http://localhost:8080/", "ws://localhost:8080/ws", "general"),
        ("https://chat.example.org/r/kitchen", "wss://chat.example.org/ws", "kitchen"),
        ("https://chat.example.org/r/Kitchen/", "wss://chat.example.org/ws", "kitchen"),
        ("https://example.org/chat/r/k", "wss://example.org/chat/ws", "k"),
        ("https://example.org/chat/", "wss://example.org/chat/ws", "general"),
        ("https://example.org/r/r", "wss://example.org/ws", "r"),
        ("https://example.org/r/caf%C3%A9", "wss://example.org/ws", "café"),
        ("ws://localhost:8080/ws", "ws://localhost:8080/ws", "general"),
        ("wss://localhost/r/k", "wss://localhost/ws", "k"),
        ("http://[::1]:8080/r/k", "ws://[::1]:8080/ws", "k"),
        (" http://localhost:8080/r/k?lang=fr#m7 ", "ws://localhost:8080/ws", "k"),
    ],
)
def test_address_of_a_browser_leads_to_the_socket_and_the_room(
    url: str, ws_url: str, room: str
) -> None:
    address = read_address(url)
    assert (address.ws_url, address.room, address.owner) == (ws_url, room, None)


def test_link_of_an_owner_has_the_key() -> None:
    assert read_address(f"http://localhost/r/k#owner={KEY}").owner == KEY
    assert read_address("http://localhost/r/k#owner=short").owner is None


@pytest.mark.parametrize(
    "url",
    [
        *("", "localhost:8080", "ftp://localhost", "http://", "http:///r/k", "http://[::1"),
        *("http://localhost:port", "http://user:password@localhost", "http://localhost/r/a%20b%00"),
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(AddressError):
        read_address(url)
