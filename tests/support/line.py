"""A slow line, as a proxy: all connections together share one bandwidth and one delay.

It is no fault (proxy.py has those), but what every page has on a phone: a round trip takes a
while, and each packet waits for the packets before it, on whichever connection they are. Opening
a connection costs a round trip too.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import Self

_CHUNK_BYTES = 1460  # a packet
_STARTS_WITHIN_S = 10.0


class Line:
    """One direction of the line."""

    def __init__(self, bytes_per_s: float) -> None:
        self._bytes_per_s = bytes_per_s
        self._free_at = 0.0

    def arrival(self, size: int, now: float, delay_s: float) -> float:
        """Tell when bytes that are sent now arrive."""
        self._free_at = max(self._free_at, now) + size / self._bytes_per_s
        return self._free_at + delay_s


class SlowLine:
    """A slow line from a free port to a server's."""

    def __init__(self, server_port: int, *, there_and_back_s: float, bytes_per_s: float) -> None:
        self.port = 0
        self._server_port = server_port
        self._there_and_back_s = there_and_back_s
        self._up, self._down = Line(bytes_per_s), Line(bytes_per_s)
        self._listens = Event()
        self._loop: asyncio.AbstractEventLoop
        self._end: asyncio.Event
        self._thread = Thread(target=lambda: asyncio.run(self._run()), name="line")

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listens.wait(_STARTS_WITHIN_S), "the line did not start"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listens.set()
        await self._end.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_at = self._loop.time() + self._there_and_back_s
        there, back = await asyncio.open_connection("127.0.0.1", self._server_port)
        with suppress(asyncio.CancelledError):  # or asyncio prints it when the line ends
            await asyncio.gather(
                self._carry(reader, back, self._up, open_at),
                self._carry(there, writer, self._down, open_at),
            )

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, line: Line, open_at: float
    ) -> None:
        """Carry one direction of one connection, and keep the order of the bytes."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        arriving = asyncio.create_task(self._arrive(under_way, sink))
        with suppress(ConnectionError):
            while chunk := await source.read(_CHUNK_BYTES):
                sent_at = max(self._loop.time(), open_at)
                at = line.arrival(len(chunk), sent_at, self._there_and_back_s / 2)
                under_way.put_nowait((at, chunk))
        under_way.put_nowait((self._loop.time() + self._there_and_back_s / 2, b""))
        await arriving

    async def _arrive(
        self, under_way: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter
    ) -> None:
        with suppress(ConnectionError):
            while True:
                at, chunk = await under_way.get()
                await asyncio.sleep(max(0, at - self._loop.time()))
                if not chunk:
                    break
                sink.write(chunk)
                await sink.drain()
        sink.close()
