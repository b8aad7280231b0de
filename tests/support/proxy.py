"""A proxy that does to connections what networks do: delay, throttle, cut, lose, reset.

It runs its own event loop on a thread of its own. A test arms a cut. The cut hits a connection
while it carries bytes, so that there is always something to lose.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from threading import Event, Lock, Thread
from types import TracebackType
from typing import NamedTuple, Self

_CHUNK_BYTES = 4096
_CUT_OFF_BYTES = 16  # at most: every command and event is longer, so a frame stays incomplete
_STARTS_WITHIN_S = 10.0
_ENDS_WITHIN_S = 0.5
_LINGER_NOT = struct.pack("ii", 1, 0)  # closing sends RST and drops queued bytes


class Fault(StrEnum):
    """How a connection is cut."""

    MID_FRAME = "mid-frame"  # a part of the bytes arrives, then the end of the stream
    HALF_OPEN = "half-open"  # from now on bytes are dropped; neither side is told
    RESET = "reset"  # RST on both sides; the bytes under way are lost


class Towards(StrEnum):
    """The direction of the bytes that a cut hits."""

    SERVER = "server"
    CLIENT = "client"


class Weather(NamedTuple):
    """The delay and the rate of a connection, for its whole life."""

    delay_s: float = 0.0  # of each chunk, in each direction
    bytes_per_s: float | None = None  # in each direction


class FaultProxy:
    """A proxy on a free port that carries bytes to a server's port, and applies the armed cuts."""

    def __init__(
        self,
        server_port: int,
        rng: random.Random,
        weather: Callable[[], Weather] = Weather,
        *,
        hit: float = 1.0,
    ) -> None:
        """Prepare. `hit` is the probability that an armed cut hits the next chunk."""
        self.port = 0
        self.cuts: Counter[Fault] = Counter()
        self.weathers: Counter[str] = Counter()  # connections: clear, delayed, throttled
        self._server_port: int | None = server_port
        self._rng = rng
        self._weather = weather
        self._hit = hit
        # Guards _armed.
        self._lock = Lock()
        self._armed: list[tuple[Fault, Towards]] = []
        self._links: set[_Link] = set()
        self._is_deaf = False
        self._listens = Event()
        self._loop: asyncio.AbstractEventLoop
        self._end: asyncio.Event
        self._thread = Thread(target=lambda: asyncio.run(self._run()), name="proxy")

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listens.wait(_STARTS_WITHIN_S), "the proxy did not start"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def arm(self, fault: Fault, towards: Towards) -> None:
        """Arm a cut for a connection that carries bytes in this direction. For any thread."""
        with self._lock:
            self._armed.append((fault, towards))

    def lead_to(self, server_port: int | None, fault: Fault = Fault.RESET) -> None:
        """Lead new connections to another port, or to none, and cut all that are open.

        With HALF_OPEN and no port, new connections are taken and nothing answers: a network that
        loses everything. For any thread.
        """
        done = Event()

        def turn() -> None:
            self._server_port = server_port
            self._is_deaf = server_port is None and fault is Fault.HALF_OPEN
            for link in tuple(self._links):
                link.cut(fault)
            done.set()

        self._loop.call_soon_threadsafe(turn)
        assert done.wait(_STARTS_WITHIN_S), "the proxy hangs"

    @property
    def armed(self) -> int:
        """Count the cuts that have not hit a connection yet."""
        with self._lock:
            return len(self._armed)

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._opened, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        await self._end.wait()
        # A connection that comes just when the server closes would be left open.
        self._server_port, self._is_deaf = None, False
        until = self._loop.time() + _ENDS_WITHIN_S
        while (
            others := asyncio.all_tasks() - {asyncio.current_task()}
        ) and self._loop.time() < until:
            for link in tuple(self._links):
                link.cut(Fault.RESET)
            await asyncio.wait(others, timeout=0.01)
        server.close()

    async def _opened(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until its end; on the proxy's thread."""
        try:
            if self._is_deaf:
                while await reader.read(_CHUNK_BYTES):
                    pass
            elif self._server_port is not None:
                to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
                await self._carry((reader, writer), to_server)
        except OSError:
            pass  # nothing listens on the port: the server was killed
        except asyncio.CancelledError:
            writer.transport.abort()  # the proxy ends
        finally:
            writer.close()

    async def _carry(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        weather = self._weather()
        self.weathers[_name(weather)] += 1
        link = _Link(client, server, weather, self._draw, self._rng)
        self._links.add(link)
        try:
            await asyncio.gather(link.carry(Towards.SERVER), link.carry(Towards.CLIENT))
        finally:
            self._links.discard(link)

    def _draw(self, towards: Towards) -> Fault | None:
        """Give the cut that hits a chunk, if there is one."""
        with self._lock:
            for cut in self._armed:
                if cut[1] is towards and self._rng.random() < self._hit:
                    self._armed.remove(cut)
                    self.cuts[cut[0]] += 1
                    return cut[0]
        return None


class _Link:
    """One connection through the proxy: its two ends."""

    def __init__(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        weather: Weather,
        draw: Callable[[Towards], Fault | None],
        rng: random.Random,
    ) -> None:
        self._ends = {Towards.CLIENT: client, Towards.SERVER: server}
        self._weather = weather
        self._draw = draw
        self._rng = rng
        self._half_open = False

    def cut(self, fault: Fault) -> None:
        """Cut the connection now."""
        if fault is Fault.HALF_OPEN:
            self._half_open = True
        else:
            self._reset()

    async def carry(self, towards: Towards) -> None:
        """Carry one direction until its end, which ends the other too, unless bytes are dropped."""
        back = Towards.CLIENT if towards is Towards.SERVER else Towards.SERVER
        reader, source = self._ends[back]
        _, target = self._ends[towards]
        shaken = False  # the handshake is not cut: nothing could be lost before it
        try:
            while chunk := await reader.read(_CHUNK_BYTES):
                await asyncio.sleep(self._pause_s(len(chunk)))
                if self._half_open:
                    continue
                fault = self._draw(towards) if shaken else None
                shaken = True
                if fault is Fault.HALF_OPEN:
                    self._half_open = True
                    continue
                if fault is Fault.RESET:
                    self._reset()
                    return
                if fault is Fault.MID_FRAME:
                    target.write(chunk[: -self._rng.randint(1, _CUT_OFF_BYTES)])
                    return
                target.write(chunk)
                await target.drain()
        except OSError:
            pass  # one end was reset, by its owner or by us
        finally:
            source.close()
            if not self._half_open:  # otherwise not even the end arrives
                target.close()

    def _pause_s(self, size: int) -> float:
        rate = self._weather.bytes_per_s
        return self._weather.delay_s + (0.0 if rate is None else size / rate)

    def _reset(self) -> None:
        for _, writer in self._ends.values():
            sock: socket.socket = writer.get_extra_info("socket")
            with suppress(OSError):  # this end is closed already
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
            writer.transport.abort()


def _name(weather: Weather) -> str:
    if weather.bytes_per_s is not None:
        return "throttled"
    return "delayed" if weather.delay_s else "clear"
