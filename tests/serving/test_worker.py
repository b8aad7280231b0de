"""Half requests, and peers that never leave, hold no thread; everybody else is served."""

from __future__ import annotations

import re
import resource
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection

import pytest

from tests.support.client import Client
from tests.support.raw import WAIT_S, RawPeer
from tests.support.servers import GUNICORN, ChatServer

MakeServer = Callable[..., ChatServer]
HALF = b"GET / HTTP/1.1\r\nHost: x\r\nX-Never"
# A shell sets the limits, because a test that lowers its own could not raise them again.
FEW_FILES = ("sh", "-c", f"ulimit -n 300; exec {' '.join(GUNICORN)}")


@pytest.fixture
def enough_files() -> Iterator[None]:
    """Let this process open as many files as it may."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@contextmanager
def half_requests(server: ChatServer, count: int, half: bytes) -> Iterator[list[socket.socket]]:
    """Open sockets that send half a request each, and nothing more."""
    with ExitStack() as stack:
        sockets = []
        for _ in range(count):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), WAIT_S))
            sock.sendall(half)
            sockets.append(sock)
        yield sockets


def seconds_to_end(sock: socket.socket, trickle: bytes = b"") -> float:
    """Wait until the server has ended a connection; meanwhile send a byte now and then."""
    began_at = time.monotonic()
    sock.settimeout(0.2 if trickle else WAIT_S)
    while time.monotonic() - began_at < WAIT_S:
        try:
            if not sock.recv(4096):
                break
        except TimeoutError:
            try:
                sock.sendall(trickle)
            except ConnectionError:
                break
        except ConnectionError:
            break
    return time.monotonic() - began_at


@pytest.mark.alone
@pytest.mark.parametrize(
    "half",
    [
        HALF,
        b"",
        pytest.param(b"\r\n\r\nGET / HT", marks=pytest.mark.long),
        pytest.param(b"GET /status HTTP/1.0\r\n\r\n", marks=pytest.mark.long),
        pytest.param(b"rubbish\r\n\r\n", marks=pytest.mark.long),
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
            marks=pytest.mark.long,
        ),
    ],
    ids=["half a head", "nothing", "empty line", "answered", "refused", "half a body", "chunked"],
)
def test_200_peers_that_never_go_on_leave_every_thread_to_others(
    make_server: MakeServer, half: bytes
) -> None:
    # 44 threads: fewer than a quarter of what the half requests would take.
    server = make_server(settings={"CHAT_MAX_CONNECTIONS": "20"})
    server.start()
    with half_requests(server, 200, half), Client(server.ws_url) as ann:
        asked_at = time.monotonic()
        server.status()
        ann.join("Ann")
        assert ann.post("hello")["seq"] == 1
        # gunicorn's own worker gives half a head a thread for as long as its peer likes, waits
        # 5 s for a first byte or for a body, and 2 s for each peer that was answered.
        assert time.monotonic() - asked_at < 4.0
        assert server.stop() < 4.0  # gunicorn waits for its threads, up to graceful_timeout


@pytest.mark.alone
def test_room_is_made_for_the_six_connections_of_each_of_a_crowd(
    make_server: MakeServer, enough_files: None
) -> None:
    settings = {"CHAT_MAX_CONNECTIONS": "20", "CHAT_ADDRESS_SOCKETS": "3100"}
    server = make_server(settings=settings)
    server.start()
    with half_requests(server, 3000, HALF) as waiting:  # the connections of 500 browsers
        asked_at = time.monotonic()
        server.status()
        assert time.monotonic() - asked_at < 4.0  # older ones are closed after five seconds
        waiting[0].setblocking(False)
        with pytest.raises(BlockingIOError):
            waiting[0].recv(1)


def test_who_reads_late_gets_all_of_an_answer_and_who_never_does_is_ended(
    make_server: MakeServer,
) -> None:
    server = make_server(settings={"CHAT_MAX_CONNECTIONS": "20"})
    server.start()
    path = re.findall(r'data-emoji="(.*?)"', server.get("/"))[0]  # the largest file
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 30
    size = len(server.get(path).encode()) * 30  # more than the kernel keeps
    with (
        RawPeer(server, receive_buffer=4096) as deaf,
        RawPeer(server, receive_buffer=4096) as late,
    ):
        for peer in (deaf, late):
            peer.sock.sendall(request)
        asked_at = time.monotonic()
        received = 0
        while received < size:
            data = late.sock.recv(65_536)
            assert data
            received += len(data)
        gone = select.poll()
        gone.register(deaf.sock, 0)  # of an error alone
        assert gone.poll(15_000)
        assert time.monotonic() - asked_at > 9.0
    assert "Traceback" not in server.log()


def test_half_request_is_ended_however_slowly_it_goes_on(chat_server: ChatServer) -> None:
    with half_requests(chat_server, 3, HALF) as (still, slow, other):
        assert seconds_to_end(slow, trickle=b"-") < 10.0
        assert seconds_to_end(still) < 5.0
        assert seconds_to_end(other) < 5.0
    assert "Traceback" not in chat_server.log()


def test_more_half_requests_than_descriptors_end_nobody(make_server: MakeServer) -> None:
    server = make_server(FEW_FILES)
    server.start()
    with Client(server.ws_url) as ann, half_requests(server, 250, HALF):  # 172 accepted at a time
        ann.join("Ann")
        ann.post("hello")  # the log opens files of its own
        asked_at = time.monotonic()
        while True:
            try:
                server.status()
                break
            except OSError:
                assert time.monotonic() - asked_at < 10.0
        ann.post("still here")
        assert ann.texts() == ["hello", "still here"]
    assert "Traceback" not in server.log()


def test_head_may_come_byte_by_byte(chat_server: ChatServer) -> None:
    with RawPeer(chat_server) as peer:
        peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"GET /status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":
            peer.sock.sendall(bytes((byte,)))
        answer = b""
        while data := peer.sock.recv(4096):
            answer += data
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"connected_users" in answer


def test_requests_may_follow_each_other_at_once_or_after_a_while(chat_server: ChatServer) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with RawPeer(chat_server) as peer:
        answers = b""
        for requests in (request * 3 + request[:9], request[9:], request):
            peer.sock.sendall(requests)
            wanted = answers.count(b"ok\n") + requests.count(b"\r\n\r\n")
            while answers.count(b"ok\n") < wanted:
                data = peer.sock.recv(4096)
                assert data, answers
                answers += data
        assert answers.count(b"HTTP/1.1 200 ") == 5


@pytest.mark.shared
def test_who_is_sent_to_another_server_keeps_no_connection_to_this_one(
    chat_server: ChatServer,
) -> None:
    for query, kept in (("", "keep-alive"), ("?again=1", "close")):
        connection = HTTPConnection("127.0.0.1", chat_server.port)
        connection.request("GET", f"/static/main-ABCD1234.js{query}")
        assert connection.getresponse().getheader("Connection") == kept
        connection.close()


def test_endless_head_is_refused(chat_server: ChatServer) -> None:
    with RawPeer(chat_server) as peer:
        try:
            peer.sock.sendall(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 300_000)
            answer = peer.sock.recv(4096)
        except ConnectionError:
            answer = b""
        assert not answer.startswith(b"HTTP/1.1 2")
    assert chat_server.status()["connected_users"] == 0
    assert "Traceback" not in chat_server.log()
