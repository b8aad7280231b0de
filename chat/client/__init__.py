"""A client of a chat: it comes back by itself, loses nothing and sends nothing twice."""

from __future__ import annotations

from chat.client.address import Address, AddressError, read_address
from chat.client.client import Client, Unsent
from chat.client.events import Event, Reset, State, Status, Stopped
from chat.client.ids import new_id
from chat.client.queue import Full

__all__ = [
    "Address",
    "AddressError",
    "Client",
    "Event",
    "Full",
    "Reset",
    "State",
    "Status",
    "Stopped",
    "Unsent",
    "new_id",
    "read_address",
]
