"""Machines with addresses of their own, on one real one: Linux's network namespaces, as root.

Whoever uses them is in a namespace of its own as well, which `make machines` makes, so that nothing
of the real machine's network is touched. A namespace ends with the last process in it, and takes
with it what leads there: nothing stays, not even after a kill.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_END_S = 10.0
_WAITS = ("unshare", "--net", "sh", "-c", "ip link set lo up && echo ready && exec cat")


class Switch:
    """A network, in which the tests themselves have the first address."""

    def __init__(self, name: str, network: str) -> None:
        """Make it; `network` is the first three numbers of its addresses, like `10.0.0`."""
        self.name = name
        self.network = network
        # With an address of its own for Ethernet: else it takes that of a cable, and another with
        # the next cable. Machines would go on sending to the old one.
        own = ":".join(f"{int(part):02x}" for part in ("2", *network.split("."), "0", "1"))
        _ip("link", "add", name, "address", own, "type", "bridge")
        _ip("address", "add", f"{network}.1/24", "dev", name)
        _ip("link", "set", name, "up")

    def end(self) -> None:
        """Remove it."""
        _ip("link", "delete", self.name)


def prepare() -> None:
    """Make sure that this process is in a namespace of its own, and that loopback works there."""
    links = json.loads(_ip("-json", "address", "show"))
    in_use = [link["ifname"] for link in links if link["addr_info"] and link["ifname"] != "lo"]
    assert not in_use, f"{in_use} are another's: `make machines` gives the tests a namespace"
    _ip("link", "set", "lo", "up")


class Machine:
    """A machine that has a cable to each switch."""

    def __init__(self, name: str, number: int, *switches: Switch) -> None:
        """Make it; the number is the last of its addresses."""
        self.name = name
        self.number = number
        # It ends when its standard input does, so also when this process is killed.
        self._keeper = subprocess.Popen(
            _WAITS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._keeper.stdout is not None
        assert self._keeper.stdout.readline() == "ready\n"
        #: What a command begins with that runs on this machine.
        self.inside = ("nsenter", f"--net=/proc/{self._keeper.pid}/ns/net")
        self._switches = switches
        for switch in switches:
            self._plug(switch)

    def _plug(self, switch: Switch) -> None:
        outside, pid = self._cable(switch), str(self._keeper.pid)
        inner = ("type", "veth", "peer", "name", switch.name, "netns", pid)
        _ip("link", "add", outside, *inner)
        _ip("link", "set", outside, "master", switch.name, "up")
        address = f"{self.address(switch)}/24"
        _ip("address", "add", address, "dev", switch.name, inside=self.inside)
        # Without an address of IPv6: it would come a second later, and browsers begin anew then.
        _ip("link", "set", switch.name, "addrgenmode", "none", "up", inside=self.inside)

    def _cable(self, switch: Switch) -> str:
        return f"{switch.name}-{self.name}"

    def address(self, switch: Switch) -> str:
        """Give the address in a network."""
        return f"{switch.network}.{self.number}"

    def knows(self, other: Machine, switch: Switch) -> None:
        """Know for good where another machine is in a network, and let that one know it too.

        Else a machine would learn after three seconds that it does not hear the other one. Behind a
        router, or a firewall, it hears nothing at all.
        """
        for one, another in ((self, other), (other, self)):
            there = _ip("-json", "link", "show", switch.name, inside=another.inside)
            [link] = json.loads(there)
            where = (another.address(switch), "lladdr", link["address"], "dev", switch.name)
            _ip("neighbour", "replace", *where, "nud", "permanent", inside=one.inside)

    @contextmanager
    def cut_off(self, switch: Switch) -> Iterator[None]:
        """Drop all that goes to and from this machine in a network, in silence, for some time."""
        _ip("link", "set", self._cable(switch), "nomaster")
        try:
            yield
        finally:
            _ip("link", "set", self._cable(switch), "master", switch.name)

    def connections(self, port: int) -> int:
        """Count the connections that are open to a port of it."""
        found = _run(*self.inside, "ss", "-Htn", "state", "established", f"( sport = :{port} )")
        return len(found.splitlines())

    def end(self) -> None:
        """Remove the machine, after its processes have ended."""
        for switch in self._switches:  # with the machine, but the kernel takes its time for that
            _ip("link", "delete", self._cable(switch))
        self._keeper.communicate(timeout=_END_S)


def _ip(*words: str, inside: tuple[str, ...] = ()) -> str:
    return _run(*inside, "ip", *words)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout
