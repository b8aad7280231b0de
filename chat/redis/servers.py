"""The Redis server, or the servers of a cluster: which of them has a partition, and asking them.

redis-py connects, and writes and reads the protocol. Its clients and pipelines are left out: on a
cluster its pipeline takes three times as long for a command, and forbids EVALSHA.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha1
from threading import BoundedSemaphore, Lock
from time import monotonic
from typing import Any

from redis import RedisCluster
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.connection import Connection, ConnectionPool
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,
    NoScriptError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)
from redis.retry import Retry

from chat.redis.partitions import PARTITIONS, key

_CONNECTIONS = 8  # to one server, besides the one that listens
_CONNECT_S = 2.0
_DOWN_S = 0.3  # what could not be reached is not tried again for so long
_REPLICAS_MS = 1000  # for which replicas are waited for
_TRIES = 3  # to find the server that has a partition

# Replies of a server that does not have the partition, or not now.
_ELSEWHERE = (AskError, TryAgainError, ClusterDownError, ReadOnlyError)


class NotReplicated(ResponseError):
    """What too few replicas have: a fail-over might lose it."""


class Script:
    """A program in Lua that a server runs, with nothing else between its steps."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = sha1(text.encode(), usedforsecurity=False).hexdigest()

    def command(self, keys: Sequence[str], arguments: Sequence[str | bytes | int] = ()) -> Command:
        """Give the command that runs it."""
        return (self, len(keys), *keys, *arguments)


#: How a script begins that also runs while the memory is full.
WHEN_FULL = "#!lua flags=allow-oom\n"

#: What a script contains that needs Redis's time: milliseconds since 1970.
NOW_MS = """
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
"""

#: A command and its arguments; a script in the place of its name runs that script.
Command = tuple[Script | str | bytes | int, ...]


class Server:
    """One server, and the connections to it; from any thread."""

    def __init__(self, pool: ConnectionPool, timeout_s: float) -> None:
        """Prepare; `pool` only makes connections, with what the URL says."""
        self.address = _address(pool)
        self._pool = pool
        self._timeout_s = timeout_s
        self._places = BoundedSemaphore(_CONNECTIONS)
        # Guards what follows.
        self._lock = Lock()
        self._free: list[Connection] = []
        self._drops = 0
        self._down_until = 0.0  # monotonic seconds
        self._down_because = ""

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection; one on which something fails is closed.

        Raises RedisError.
        """
        if not self._places.acquire(timeout=self._timeout_s):
            raise TimeoutError("all connections to Redis are in use")
        try:
            drops, connection = self._drops, self._take()
            try:
                yield connection
            except BaseException:
                connection.disconnect()
                raise
            with self._lock:
                is_kept = connection.is_connected and drops == self._drops
                if is_kept:
                    self._free.append(connection)
            if not is_kept:
                connection.disconnect()
        finally:
            self._places.release()

    def connect(self, **options: Any) -> Connection:
        """Open a connection of one's own. Raises RedisError."""
        kwargs = {
            **self._pool.connection_kwargs,
            "protocol": 2,
            "socket_timeout": self._timeout_s,
            "socket_connect_timeout": _CONNECT_S,
            "socket_keepalive": True,
            "retry": Retry(NoBackoff(), 0),
            **options,
        }
        if "path" in kwargs:  # a Unix socket has no line that could be dead
            kwargs.pop("socket_keepalive")
            kwargs.pop("socket_keepalive_options", None)
        connection: Connection = self._pool.connection_class(**kwargs)
        try:
            connection.connect()
        except OSError as error:
            raise ConnectionError(str(error)) from error
        return connection

    def drop(self) -> None:
        """Close all connections: those that are lent now, when they come back."""
        with self._lock:
            self._drops += 1
            free, self._free = self._free, []
        for connection in free:
            connection.disconnect()

    def _take(self) -> Connection:
        with self._lock:
            if self._down_until > monotonic():
                raise ConnectionError(self._down_because)
            connection = self._free.pop() if self._free else None
        if connection is not None:
            with suppress(RedisError, OSError):
                if not connection.can_read():  # something to read: its end, or a late reply
                    return connection
            connection.disconnect()
        try:
            return self.connect()
        except RedisError as error:
            with self._lock:
                self._down_until, self._down_because = monotonic() + _DOWN_S, str(error)
            raise


class Servers:
    """The server at a URL, or the servers of the cluster that it is of; from any thread."""

    def __init__(self, url: str, *, timeout_s: float = 5.0) -> None:
        """Prepare; nothing is connected. A server that does not answer in time cannot be asked."""
        self._url = url
        self._timeout_s = timeout_s
        self._pool = ConnectionPool.from_url(url)  # it connects nowhere
        self._database = int(self._pool.connection_kwargs.get("db") or 0)
        self.worker = ""  # the id of this process; start() makes it
        # Guards what follows.
        self._lock = Lock()
        self._cluster: RedisCluster | None = None
        # Of the last cluster that was found: each tells of the others, and the URL's may be dead.
        self._nodes: list[tuple[str, int]] = []
        self._servers: dict[str, Server] = {}  # by address
        self._of_partition: dict[int, Server] = {}
        self._unknown_until = 0.0  # monotonic seconds: until then nobody asks who has what
        self._unknown_because = ""
        self._tell_demoted: Callable[[Server], None] = lambda server: None

    def on_demoted(self, tell: Callable[[Server], None]) -> None:
        """Tell of a server that is a replica now: connections to it lead to old entries."""
        self._tell_demoted = tell

    def start(self) -> None:
        """Give this process its id; once, after the last fork."""
        self.worker = secrets.token_hex(6)

    def channel(self, partition: int) -> str:
        """Name the channel of a partition."""
        # A server may have the data of several chats (`/1` in the URL), but its channels are one's.
        return key(partition, f"channel{self._database}")

    def close(self) -> None:
        """Close all connections that nobody uses."""
        self._forget()
        with self._lock:
            servers = list(self._servers.values())
        for server in servers:
            server.drop()

    def ask(self, commands: Sequence[tuple[int, Command]], replicas: int = 0) -> list[Any]:
        """Send commands to the servers of their partitions, and give the replies in that order.

        It is one round trip for each server. An error of a command is given as its reply. With
        `replicas`, it is NotReplicated where fewer of them have all that was read or written.
        Raises RedisError when a server cannot be asked; what was done is unknown then. Where others
        can be, it is the reply to the commands of that one.
        """
        replies: list[Any] = [None] * len(commands)
        left: Iterable[int] = range(len(commands))
        for again in reversed(range(_TRIES)):
            by_server: dict[Server, list[int]] = {}
            for index in left:
                by_server.setdefault(self.server_of(commands[index][0]), []).append(index)
            self._exchange(commands, by_server, replies, replicas)
            if any(isinstance(reply, ConnectionError | TimeoutError) for reply in replies):
                self._forget()  # perhaps another server has its partitions by now
            _raise_if_none_answered(replies)
            left = [index for index in left if isinstance(replies[index], _ELSEWHERE)]
            if not left:
                break
            self._lost(by_server, replies)
            if not again:
                break
        return replies

    def ask_strictly(self, commands: Sequence[tuple[int, Command]], replicas: int = 0) -> list[Any]:
        """Ask, and take no error for a reply.

        Raises RedisError, also for what one of the commands could not do; others may be done then.
        """
        replies = self.ask(commands, replicas)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    def server_of(self, partition: int) -> Server:
        """Give the server that has a partition. Raises RedisError."""
        with self._lock:
            server = self._of_partition.get(partition)
            if server is None:
                server = self._of_partition[partition] = self._find(partition)
            return server

    def all_servers(self) -> list[Server]:
        """Give all servers that have partitions. Raises RedisError."""
        return list(dict.fromkeys(map(self.server_of, range(PARTITIONS))))

    def moved(self) -> None:
        """Look anew which server has which partition, when somebody asks next."""
        self._forget()

    def info(self) -> list[dict[str, str]]:
        """Give what each server says of itself (INFO). Raises RedisError."""
        return [_info(server) for server in self.all_servers()]

    def _lost(self, by_server: dict[Server, list[int]], replies: list[Any]) -> None:
        """Let go of servers of which one said that it does not have a partition."""
        for server, indexes in by_server.items():
            server.drop()
            if any(isinstance(replies[index], ReadOnlyError) for index in indexes):
                self._tell_demoted(server)
        self._forget()

    # --- asking ------------------------------------------------------------------------------

    @staticmethod
    def _exchange(
        commands: Sequence[tuple[int, Command]],
        by_server: dict[Server, list[int]],
        replies: list[Any],
        replicas: int,
    ) -> None:
        """Send each server its commands before the first reply is read.

        What goes wrong with one is the reply to its commands.
        """
        with ExitStack() as stack:
            lent: list[tuple[Connection, list[int], list[tuple[Any, ...]]]] = []
            for server, indexes in by_server.items():
                wait = _wait(commands[indexes[0]][0], replicas)
                try:
                    connection = stack.enter_context(server.connection())
                    _send(connection, [*(_by_digest(commands[i][1]) for i in indexes), *wait])
                    lent.append((connection, indexes, wait))
                except RedisError as error:
                    _fill(replies, indexes, error)
            for connection, indexes, wait in lent:
                try:
                    have = _receive(connection, replies, indexes, wait)
                    unknown = [i for i in indexes if isinstance(replies[i], NoScriptError)]
                    if unknown:  # of one kind, all are: the order of a room's commands stays
                        _send(connection, [*(_by_text(commands[i][1]) for i in unknown), *wait])
                        have = _receive(connection, replies, unknown, wait)
                    if have < replicas:
                        _fill(replies, indexes, NotReplicated(f"{have} of {replicas} replicas"))
                except RedisError as error:
                    connection.disconnect()  # other replies may still come
                    _fill(replies, indexes, error)

    # --- which server --------------------------------------------------------------------------

    def _forget(self) -> None:
        with self._lock:
            cluster, self._cluster = self._cluster, None
            self._of_partition.clear()
        if cluster is not None:
            cluster.close()

    def _find(self, partition: int) -> Server:
        """Find a partition's server; with the lock held: nobody can do anything before."""
        if self._cluster is None:
            if self._unknown_until > monotonic():  # who waited meanwhile does not ask in turn
                raise ConnectionError(self._unknown_because)
            try:
                if not self._nodes:
                    first = self._known(self._pool)
                    if _info(first).get("cluster_enabled") != "1":
                        self._of_partition = dict.fromkeys(range(PARTITIONS), first)
                        return first
                self._cluster = self._learn_cluster()
            except RedisError as error:
                self._unknown_until, self._unknown_because = monotonic() + _DOWN_S, str(error)
                raise
            self._nodes = [(node.host, node.port) for node in self._cluster.get_nodes()]
        try:
            node = self._cluster.get_node_from_key(key(partition))
            return self._known(self._cluster.get_redis_connection(node).connection_pool)
        except RedisClusterException as error:  # which is no RedisError
            raise ConnectionError(f"the cluster has no server for a partition: {error}") from error

    def _learn_cluster(self) -> RedisCluster:
        try:
            return RedisCluster.from_url(
                self._url,
                startup_nodes=[ClusterNode(host, port) for host, port in self._nodes],
                require_full_coverage=False,
                protocol=2,
                socket_timeout=self._timeout_s,
                socket_connect_timeout=_CONNECT_S,
                retry=Retry(NoBackoff(), 0),
            )
        except RedisClusterException as error:
            raise ConnectionError(f"the cluster cannot be asked: {error}") from error

    def _known(self, pool: ConnectionPool) -> Server:
        server = Server(pool, self._timeout_s)
        return self._servers.setdefault(server.address, server)


def _address(pool: ConnectionPool) -> str:
    """Give where a pool connects to, without any secret."""
    given = pool.connection_kwargs
    return str(given.get("path") or f"{given.get('host', 'localhost')}:{given.get('port', 6379)}")


def _by_digest(command: Command) -> tuple[Any, ...]:
    script, *arguments = command
    return ("EVALSHA", script.digest, *arguments) if isinstance(script, Script) else command


def _by_text(command: Command) -> tuple[Any, ...]:
    script, *arguments = command
    assert isinstance(script, Script)
    return ("EVAL", script.text, *arguments)


def _send(connection: Connection, commands: Sequence[tuple[Any, ...]]) -> None:
    connection.send_packed_command(connection.pack_commands(commands), check_health=False)


def _wait(partition: int, replicas: int) -> list[tuple[Any, ...]]:
    """Give the commands that wait for replicas."""
    if not replicas:
        return []
    # A server waits for what this connection wrote last. So it writes, behind all that it read.
    return [("HSET", key(partition, "probe"), "at", 0), ("WAIT", replicas, _REPLICAS_MS)]


def _receive(
    connection: Connection, replies: list[Any], indexes: list[int], wait: list[tuple[Any, ...]]
) -> int:
    """Read the replies to some commands; give how many replicas have it. Raises RedisError."""
    for index in indexes:
        replies[index] = _reply(connection)
    have = [_reply(connection) for _ in wait]
    return have[-1] if have and isinstance(have[-1], int) else 0


def _raise_if_none_answered(replies: list[Any]) -> None:
    if replies and all(isinstance(reply, ConnectionError | TimeoutError) for reply in replies):
        raise replies[0]


def _fill(replies: list[Any], indexes: list[int], error: RedisError) -> None:
    for index in indexes:
        replies[index] = error


def _reply(connection: Connection) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def _info(server: Server) -> dict[str, str]:
    with server.connection() as connection:
        _send(connection, [("INFO",)])
        reply = _reply(connection)
    if isinstance(reply, ResponseError):
        raise reply
    lines = (line.partition(":") for line in reply.decode().splitlines())
    return {name: value for name, colon, value in lines if colon}
