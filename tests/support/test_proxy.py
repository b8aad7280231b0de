"""The proxy between clients and server in the chaos test does what it says."""

from __future__ import annotations

import random
import socket
import socketserver
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from threading import Thread

import pytest

from tests.support.proxy import Fault, FaultProxy, Towards, Weather

WAIT_S = 10.0
SHORT_S = 0.2  # how long to wait for bytes that must not come

MakeProxy = Callable[..., FaultProxy]


class Echo(socketserver.StreamRequestHandler):
    """A server that sends back each line."""

    def handle(self) -> None:
        try:
            for line in self.rfile:
                self.wfile.write(line)
        except OSError:
            pass  # the proxy's reset


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


@pytest.fixture
def make_proxy() -> Iterator[MakeProxy]:
    with ExitStack() as stack:
        server = stack.enter_context(Server(("127.0.0.1", 0), Echo))
        serving = Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        stack.callback(serving.join)
        stack.callback(server.shutdown)

        def make(*arguments: Weather) -> FaultProxy:
            weather = arguments[0] if arguments else Weather()
            port = server.server_address[1]
            return stack.enter_context(FaultProxy(port, random.Random(1), lambda: weather))

        yield make


def dial(proxy: FaultProxy) -> socket.socket:
    """Connect, and send a line that passes unchanged."""
    sock = socket.create_connection(("127.0.0.1", proxy.port), WAIT_S)
    assert ask(sock, b"hello\n") == b"hello\n"
    return sock


def ask(sock: socket.socket, line: bytes) -> bytes:
    """Send a line and give what comes back; at the end of the stream that is less."""
    sock.sendall(line)
    answer = b""
    while len(answer) < len(line) and (more := sock.recv(65536)):
        answer += more
    return answer


def test_everything_is_carried_until_a_side_ends(make_proxy: MakeProxy) -> None:
    proxy = make_proxy()
    with dial(proxy) as sock:
        line = b"x" * 100_000 + b"\n"
        assert ask(sock, line) == line
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""
    assert proxy.cuts == {}
    assert proxy.weathers == {"clear": 1}


def test_delay_is_of_each_direction(make_proxy: MakeProxy) -> None:
    proxy = make_proxy(Weather(delay_s=0.1))
    with dial(proxy) as sock:
        started_at = time.monotonic()
        ask(sock, b"there and back\n")
        assert time.monotonic() - started_at >= 0.2
    assert proxy.weathers == {"delayed": 1}


def test_throttled_connection_takes_as_long_as_its_bytes(make_proxy: MakeProxy) -> None:
    proxy = make_proxy(Weather(bytes_per_s=100_000))
    with dial(proxy) as sock:
        started_at = time.monotonic()
        ask(sock, b"x" * 30_000 + b"\n")
        assert time.monotonic() - started_at >= 0.3
    assert proxy.weathers == {"throttled": 1}


@pytest.mark.parametrize("towards", Towards)
def test_cut_in_mid_frame_gives_a_part_and_the_end(make_proxy: MakeProxy, towards: Towards) -> None:
    proxy = make_proxy()
    with dial(proxy) as sock:
        proxy.arm(Fault.MID_FRAME, towards)
        line = b"x" * 40 + b"\n"
        answer = ask(sock, line)
        assert line.startswith(answer)
        assert (len(answer) >= len(line) - 16) is (towards is Towards.CLIENT)
        assert len(answer) < len(line)
        assert sock.recv(1) == b""
    assert proxy.cuts == {Fault.MID_FRAME: 1}
    assert proxy.armed == 0


@pytest.mark.parametrize("towards", Towards)
def test_half_open_connection_tells_nobody(make_proxy: MakeProxy, towards: Towards) -> None:
    proxy = make_proxy()
    with dial(proxy) as sock, dial(proxy) as other:
        proxy.arm(Fault.HALF_OPEN, towards)
        sock.sendall(b"lost\n")
        sock.settimeout(SHORT_S)
        for _ in range(2):
            with pytest.raises(TimeoutError):
                sock.recv(1)
            sock.sendall(b"lost as well\n")
        assert ask(other, b"not concerned\n") == b"not concerned\n"
    assert proxy.cuts == {Fault.HALF_OPEN: 1}


@pytest.mark.parametrize("towards", Towards)
def test_reset_is_a_reset(make_proxy: MakeProxy, towards: Towards) -> None:
    proxy = make_proxy()
    with dial(proxy) as sock:
        proxy.arm(Fault.RESET, towards)
        sock.sendall(b"lost\n")
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
    assert proxy.cuts == {Fault.RESET: 1}


def test_server_that_is_away_is_the_end_of_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with FaultProxy(port, random.Random(1)) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port), WAIT_S) as sock:
            assert sock.recv(1) == b""
        assert proxy.weathers == {}


def test_connections_are_cut_and_led_to_another_port(make_proxy: MakeProxy) -> None:
    proxy = make_proxy()
    with Server(("127.0.0.1", 0), Echo) as other:
        sock = dial(proxy)
        proxy.lead_to(other.server_address[1])
        with sock, pytest.raises(ConnectionResetError):
            ask(sock, b"one\n")
        serving = Thread(target=other.serve_forever, args=(0.05,))
        serving.start()
        try:
            dial(proxy).close()
        finally:
            other.shutdown()
            serving.join()


def test_connections_are_refused_while_they_lead_nowhere(make_proxy: MakeProxy) -> None:
    proxy = make_proxy()
    proxy.lead_to(None)
    with socket.create_connection(("127.0.0.1", proxy.port), WAIT_S) as sock:
        assert sock.recv(1) == b""


def test_network_that_loses_everything_says_nothing(make_proxy: MakeProxy) -> None:
    proxy = make_proxy()
    old = dial(proxy)
    proxy.lead_to(None, Fault.HALF_OPEN)
    with old, socket.create_connection(("127.0.0.1", proxy.port), WAIT_S) as new:
        for sock in (old, new):
            sock.settimeout(SHORT_S)
            sock.sendall(b"one\n")
            with pytest.raises(TimeoutError):
                sock.recv(1)
