"""The process around the application: what starts, what refuses to start, and what it says."""

from __future__ import annotations

import os
import re
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from websockets.sync.client import unix_connect

from chat.log.schema import prepare
from chat.serving.addresses import start_lines
from chat.serving.settings import gunicorn_settings
from tests.support.client import Client
from tests.support.raw import PING, RawPeer
from tests.support.servers import FLASK_RUN, GUNICORN, MODULE, ROOT, ChatServer
from tests.support.waiting import wait_until

_ENDS_WITHIN_S = 20.0

MakeServer = Callable[..., ChatServer]


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Give an environment without settings, and keep the limits of this process."""
    for name in tuple(os.environ):
        if name.startswith("CHAT_") or name in ("HOST", "PORT", "WEB_CONCURRENCY", "REDIS_URL"):
            monkeypatch.delenv(name)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield monkeypatch
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def refusal(server: ChatServer) -> str:
    """Start a server that must end by itself, and give the one line that says why."""
    code = server.launch().wait(_ENDS_WITHIN_S)
    lines = server.log().splitlines()
    assert code != 0, lines
    assert "Traceback" not in server.log()
    (line,) = (line for line in lines if "Tchat:" in line)
    return line


def metric(server: ChatServer, name: str) -> float:
    """Ask a running server for one metric."""
    found = re.search(rf"^{name} (\S+)$", server.get("/metrics"), re.MULTILINE)
    assert found is not None
    return float(found[1])


# --- gunicorn's settings ----------------------------------------------------------


def test_gunicorn_serves_one_worker_with_room_for_every_websocket(
    own_environment: pytest.MonkeyPatch,
) -> None:
    own_environment.setenv("CHAT_MAX_CONNECTIONS", "50")

    settings = gunicorn_settings()

    assert settings["worker_class"] == "chat.serving.worker.Worker"
    assert settings["workers"] == 1
    assert settings["threads"] > 50  # some are left for pages and /status
    assert settings["worker_connections"] > settings["threads"]
    assert settings["max_requests"] == 0
    assert settings["bind"] == "127.0.0.1:8080"


def test_gunicorn_binds_where_the_environment_says(own_environment: pytest.MonkeyPatch) -> None:
    own_environment.setenv("PORT", "5000")
    assert gunicorn_settings()["bind"] == "0.0.0.0:5000"

    own_environment.setenv("HOST", "192.0.2.1")
    assert gunicorn_settings()["bind"] == "192.0.2.1:5000"


def test_gunicorn_binds_an_ipv6_address(own_environment: pytest.MonkeyPatch) -> None:
    own_environment.setenv("HOST", "::1")
    assert gunicorn_settings()["bind"] == "[::1]:8080"


def test_wrong_setting_ends_gunicorn_before_it_starts(own_environment: pytest.MonkeyPatch) -> None:
    own_environment.setenv("CHAT_LEAVE_GRACE_S", "soon")

    with pytest.raises(SystemExit, match="CHAT_LEAVE_GRACE_S='soon'"):
        gunicorn_settings()


# --- what starts ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "locale", "sentence"),
    [
        (GUNICORN, "fr_FR.UTF-8", "Serveur démarré sur http://localhost:{port}"),
        (GUNICORN, "en_US.UTF-8", "Server started on http://localhost:{port}"),
        (MODULE, "", "Serveur démarré sur http://localhost:{port}"),
    ],
    ids=["gunicorn in French", "gunicorn in English", "python -m chat"],
)
def test_server_says_when_and_where_it_started(
    make_server: MakeServer, command: tuple[str, ...], locale: str, sentence: str
) -> None:
    server = make_server(command, settings={"LC_ALL": "", "LC_MESSAGES": "", "LANG": locale})
    server.start()
    server.stop()

    expected = sentence.format(port=server.port)
    line = next((line for line in server.log().splitlines() if line.endswith(expected)), None)
    assert line is not None, server.log()
    assert re.match(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] ", line)


@pytest.mark.parametrize(
    ("locale", "beginning"),
    [
        ({}, "Serveur démarré sur "),
        ({"LANG": "C.UTF-8"}, "Serveur démarré sur "),
        ({"LANG": "en_GB"}, "Server started on "),
        ({"LANG": "fr_FR.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, "Server started on "),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "fr_CA.UTF-8"}, "Serveur démarré sur "),
    ],
    ids=["none", "C", "English", "LC_MESSAGES", "LC_ALL"],
)
def test_start_is_told_in_english_where_the_locale_is_and_else_in_french(
    own_environment: pytest.MonkeyPatch, locale: dict[str, str], beginning: str
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        own_environment.setenv(name, locale.get(name, ""))

    first, *_ = start_lines([("127.0.0.1", 8080)], "/data/tchat.db", "Ctrl-C")
    assert first == f"{beginning}http://localhost:8080"


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (("0.0.0.0", 80), "http://localhost:80"),
        (("192.0.2.1", 8080), "http://192.0.2.1:8080"),
        (("2001:db8::1", 8080, 0, 0), "http://[2001:db8::1]:8080"),
        ("/run/tchat.sock", "/run/tchat.sock"),
    ],
    ids=str,
)
def test_start_tells_an_address_that_can_be_opened(
    address: tuple[str, int] | str, url: str
) -> None:
    first, *_ = start_lines([address], "/data/tchat.db", "Ctrl-C")
    assert first.endswith(f" {url}")


def test_start_names_the_addresses_in_the_network_where_it_listens_on_all(
    own_environment: pytest.MonkeyPatch,
) -> None:
    own_environment.setenv("LC_ALL", "en")
    for wildcard in ("0.0.0.0", "::"):
        here, network, *_ = start_lines([(wildcard, 8080)], "/data/tchat.db", "Ctrl-C")
        assert here == "Server started on http://localhost:8080"
        assert re.fullmatch(r"Open to the network: http://[0-9a-f.:\[\]]+:8080.*", network)
    lines = start_lines([("127.0.0.1", 8080)], "/data/tchat.db", "Ctrl-C")
    assert not any("network" in line for line in lines)


def test_start_is_told_once_the_server_serves_with_its_data_and_how_to_stop_it(
    make_server: MakeServer, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    server = make_server(
        settings={"LC_ALL": "en", "CHAT_DATABASE": str(tmp_path / "link/deep/../tchat.db")}
    )
    server.start()
    server.stop()
    assert server.process is not None

    # The server's other process writes to the log too.
    [worker] = re.findall(r"Booting worker with pid: (\d+)", server.log())
    said = re.findall(rf"(?m)^\[[^]]+\] \[{worker}\] \[INFO\] (.*)$", server.log())
    assert said[1:4] == [
        f"Server started on http://localhost:{server.port}",
        f"The conversations are in {tmp_path}/tchat.db",
        f"To stop it: kill {server.process.pid}",
    ]


def test_start_is_not_told_where_the_database_cannot_be_opened(make_server: MakeServer) -> None:
    server = make_server()
    garbage(server.database)

    refusal(server)

    assert "Serveur démarré" not in server.log()


@pytest.mark.parametrize(
    ("command", "host"),
    [(MODULE, "127.0.0.1"), (GUNICORN, "0.0.0.0")],
    ids=["python -m chat", "gunicorn"],
)
def test_port_alone_opens_plain_gunicorn_to_the_network_and_not_python_m_chat(
    make_server: MakeServer, command: tuple[str, ...], host: str
) -> None:
    server = make_server(command, settings={"HOST": ""})
    server.start()

    assert server.logged(f"http://{host}:{server.port} ")
    if host == "0.0.0.0":
        assert server.logged("Ouvert au réseau")
    else:
        assert "Ouvert au réseau" not in server.log()


def test_server_listens_on_its_port_and_makes_its_database(
    make_server: MakeServer, tmp_path: Path
) -> None:
    database = tmp_path / "deep" / "er" / "here.db"
    server = make_server(settings={"CHAT_DATABASE": str(database)})

    server.start()

    assert server.status()["connected_users"] == 0
    assert database.exists()
    assert database.stat().st_mode & 0o077 == 0  # only for the server's user
    assert not server.database.exists()


def test_worker_count_of_a_platform_is_overruled_aloud(make_server: MakeServer) -> None:
    server = make_server(settings={"WEB_CONCURRENCY": "4"})
    server.start()
    server.stop()

    (warning,) = (line for line in server.log().splitlines() if "WEB_CONCURRENCY=4" in line)
    assert "split every room" in warning
    assert server.log().count("Booting worker") == 1


def test_connections_are_lowered_to_what_the_machine_allows_aloud(make_server: MakeServer) -> None:
    few_files = ("sh", "-c", 'ulimit -n 256 && exec "$0" "$@"', *GUNICORN)
    server = make_server(few_files, settings={"CHAT_MAX_CONNECTIONS": "500"})
    server.start()

    allowed = metric(server, "tchat_connections_max")

    assert 0 < allowed < 256
    assert server.logged(f"CHAT_MAX_CONNECTIONS=500 is lowered to {allowed:.0f}")


def test_threads_of_the_command_line_lower_the_connections(make_server: MakeServer) -> None:
    server = make_server((*GUNICORN, "--threads", "30"))
    server.start()

    allowed = metric(server, "tchat_connections_max")

    assert 0 < allowed < 30
    assert server.logged(f"lowered to {allowed:.0f}")


@pytest.mark.parametrize("kind", ["sync", "gthread"])  # sync is the name of gunicorn's default
def test_threaded_worker_is_ours_whatever_it_was_called(make_server: MakeServer, kind: str) -> None:
    server = make_server((*GUNICORN, "-k", kind, "--threads", "40"))
    server.start()

    assert metric(server, "tchat_connections_max") == 16  # gunicorn's own check would not lower it
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    while "Worker exiting" not in server.log():  # until then the first one may still answer
        pass  # bounded by the test's timeout
    with Client(server.ws_url) as ann:
        ann.join("Ann")
    assert metric(server, "tchat_connections_max") == 16


# --- what refuses to start --------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("-w", "2"), "2 workers are not allowed"),
        pytest.param(("-k", "sync", "--threads", "1"), "only gthread", marks=pytest.mark.long),
        (("-k", "asgi"), "only gthread"),
        (("--threads", "4"), "--threads 4"),
        (("--certfile", "cert.pem", "--keyfile", "key.pem"), "reverse proxy"),
    ],
    ids=["workers", "sync", "asgi", "threads", "TLS"],
)
def test_wrong_command_line_is_refused_in_one_line(
    make_server: MakeServer, tmp_path: Path, options: tuple[str, ...], reason: str
) -> None:
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).touch()
    options = tuple(str(tmp_path / one) if one.endswith(".pem") else one for one in options)
    server = make_server((*GUNICORN, *options))

    assert reason in refusal(server)
    assert not server.database.exists()


@pytest.mark.parametrize("command", [GUNICORN, MODULE], ids=["gunicorn", "python -m chat"])
@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"REDIS_URL": "localhost:6379"}, "REDIS_URL is not allowed"),
        ({"PORT": "80a"}, "PORT='80a' is not allowed"),
    ],
    ids=["Redis", "PORT"],
)
def test_wrong_setting_is_refused_in_one_line(
    make_server: MakeServer, command: tuple[str, ...], settings: dict[str, str], reason: str
) -> None:
    server = make_server(command, settings=settings)

    line = refusal(server)

    assert reason in line
    assert server.log().strip() == line


def newer(path: Path) -> None:
    """Make a database as a later version of this program would."""
    prepare(path, create=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 999")
        database.execute("PRAGMA journal_mode = DELETE")


def another_programs(path: Path) -> None:
    """Make a database that is not ours."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE bookmarks (url TEXT)")


def garbage(path: Path) -> None:
    """Make a file that is no database."""
    path.write_bytes(b"Dear diary, " * 500)


def short_garbage(path: Path) -> None:
    """Make a file that SQLite would take for an empty one."""
    path.write_bytes(b"hello")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (newer, "newer"),
        pytest.param(another_programs, "another program", marks=pytest.mark.long),
        pytest.param(garbage, "database", marks=pytest.mark.long),
        (short_garbage, "database"),
    ],
)
def test_file_that_is_no_log_of_ours_is_refused_in_one_line_and_left_as_it_is(
    make_server: MakeServer, make: Callable[[Path], None], reason: str
) -> None:
    server = make_server()
    make(server.database)
    before = server.database.read_bytes()

    line = refusal(server)

    assert reason in line
    assert str(server.database) in line
    assert server.database.read_bytes() == before
    left = {file.name for file in server.database.parent.iterdir()}
    assert left == {server.database.name, f"{server.database.name}.lock", server.output.name}


def test_database_where_none_can_be_is_refused_in_one_line(make_server: MakeServer) -> None:
    server = make_server(settings={"CHAT_DATABASE": "/dev/null/tchat.db"})

    assert "/dev/null/tchat.db" in refusal(server)


# A shell's user may have rights that others lack: this takes root's exceptions from a command.
WITHOUT_RIGHTS = (
    sys.executable,
    "-c",
    "import ctypes, os, sys; drop = ctypes.CDLL(None).prctl\n"
    "for right in (1, 2, 10): drop(24, right, 0, 0, 0)\n"
    "os.execv(sys.argv[1], sys.argv[1:])",
)


@pytest.mark.parametrize(
    "command",
    [GUNICORN, pytest.param(MODULE, marks=pytest.mark.long)],  # it starts gunicorn
    ids=["gunicorn", "python -m chat"],
)
@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"HOST": "192.0.2.1"}, "HOST='192.0.2.1' is not allowed: this machine has no such"),
        ({"HOST": "no-such-host.invalid"}, "HOST='no-such-host.invalid' is not allowed"),
        pytest.param({"HOST": "a..b"}, "HOST='a..b' is not allowed", marks=pytest.mark.long),
        ({"PORT": "80"}, "PORT=80 is not allowed to this user"),
        ({"CHAT_DATABASE": "{folder}"}, "CHAT_DATABASE='{folder}' is a folder: name a file in it"),
        ({"CHAT_DATABASE": "~nobody-here/x.db"}, "CHAT_DATABASE='~nobody-here/x.db' is not allo"),
        ({"CHAT_DATABASE": "{folder}/circle"}, "CHAT_DATABASE='{folder}/circle' is not allowed"),
        ({"CHAT_DATABASE": "{folder}/read-only/x.db"}, "{folder}/read-only/x.db cannot be used"),
    ],
    ids=["host", "name", "no name", "port", "folder", "home", "circle", "read-only"],
)
def test_what_the_machine_does_not_allow_is_refused_in_one_line_at_once(
    make_server: MakeServer,
    tmp_path: Path,
    command: tuple[str, ...],
    settings: dict[str, str],
    reason: str,
) -> None:
    (tmp_path / "read-only").mkdir(mode=0o555)
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    settings = {name: value.format(folder=tmp_path) for name, value in settings.items()}
    server = make_server((*WITHOUT_RIGHTS, *command), settings=settings)

    line = refusal(server)

    assert reason.format(folder=tmp_path) in line
    others = [other for other in server.log().splitlines() if other != line]
    assert all("Starting gunicorn" in other for other in others), others


@pytest.mark.parametrize("command", [GUNICORN, MODULE], ids=["gunicorn", "python -m chat"])
def test_taken_port_is_refused_in_one_line_at_once(
    make_server: MakeServer, chat_server: ChatServer, command: tuple[str, ...]
) -> None:
    server = make_server(command, settings={"PORT": str(chat_server.port)})

    line = refusal(server)

    assert f"another program listens on port {chat_server.port} of 127.0.0.1" in line
    # gunicorn tries for five seconds, and says so each time: here, it has its first line alone.
    assert len(server.log().splitlines()) == 2


def test_home_in_the_databases_path_is_the_users(make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server(settings={"CHAT_DATABASE": "~/x.db", "HOME": str(tmp_path)})
    server.start()
    server.stop()

    assert (tmp_path / "x.db").exists()


@pytest.mark.parametrize("command", [GUNICORN, FLASK_RUN], ids=["gunicorn", "flask run"])
def test_setting_that_is_unknown_is_warned_of_with_the_nearest_known_one(
    make_server: MakeServer, command: tuple[str, ...]
) -> None:
    unknown = {"CHAT_DATABSE": "x.db", "CHAT_PORT": "tcp://10.0.0.1:80", "chat_limits": "off"}
    server = make_server(command, settings=unknown)
    server.start()
    wait_until(lambda: server.log().count("there is no such setting") >= 3, server.log)

    warnings = [line for line in server.log().splitlines() if "there is no such setting" in line]
    assert len(warnings) == 3
    assert "CHAT_DATABSE is ignored" in warnings[0]
    assert warnings[0].endswith("do you mean CHAT_DATABASE?")
    assert "CHAT_PORT is ignored" in warnings[1]
    assert warnings[2].endswith("do you mean CHAT_LIMITS?")


# --- where gunicorn has not read our configuration --------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        ("--chdir", str(ROOT)),
        ("-c", "{folder}/other.py", "--chdir", str(ROOT)),
        pytest.param(
            ("--chdir", str(ROOT), "-k", "gthread", "--threads", "8"), marks=pytest.mark.long
        ),
        pytest.param(("--chdir", str(ROOT), "--preload"), marks=pytest.mark.long),
        ("--chdir", str(ROOT), "-w", "3"),
        ("-c", "{folder}/ours.py", "--chdir", str(ROOT)),
    ],
    ids=["chdir", "other conf", "gthread", "preload", "workers", "our worker alone"],
)
def test_gunicorn_that_has_not_read_our_settings_is_refused(
    make_server: MakeServer, tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "other.py").write_text("workers = 1\n")
    (tmp_path / "ours.py").write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "worker_class = 'chat.serving.worker.Worker'\n"
    )
    options = tuple(option.format(folder=tmp_path) for option in options)
    server = make_server((*GUNICORN[:-1], *options, "wsgi:app"), cwd=tmp_path)

    code = server.launch().wait(_ENDS_WITHIN_S)

    lines = {line for line in server.log().splitlines() if "Tchat:" in line}
    (line,) = lines
    assert line.endswith(f"start it with -c {ROOT}/gunicorn.conf.py")
    if "-w" in options:
        # When a second worker fails while gunicorn ends, it ends with 1 and its own traceback.
        assert code in (1, 3)
    else:
        assert code == 3
        assert "Traceback" not in server.log()
    assert not server.database.exists()


@pytest.mark.parametrize("extra", [(), ("--preload",)], ids=["plain", "preload"])
def test_gunicorn_may_be_started_elsewhere_with_our_settings(
    make_server: MakeServer, tmp_path: Path, extra: tuple[str, ...]
) -> None:
    options = ("-c", str(ROOT / "gunicorn.conf.py"), "--chdir", str(ROOT), *extra)
    server = make_server((*GUNICORN[:-1], *options, "wsgi:app"), cwd=tmp_path)
    server.start()

    with Client(server.ws_url) as ann:
        ann.join("Ann")
        assert ann.post("hello")["seq"] == 1


def test_gunicorn_checks_its_configuration_without_taking_the_database(
    make_server: MakeServer, chat_server: ChatServer
) -> None:
    server = make_server(
        (*GUNICORN, "--check-config"), settings={"CHAT_DATABASE": str(chat_server.database)}
    )

    assert server.launch().wait(_ENDS_WITHIN_S) == 0
    assert server.log() == ""


def test_gunicorn_talks_through_a_unix_socket(make_server: MakeServer, tmp_path: Path) -> None:
    path = tmp_path / "tchat.sock"
    server = make_server((*GUNICORN, "--bind", f"unix:{path}"))
    server.launch()
    # Before, there is a file that nobody listens at.
    wait_until(lambda: "Listening at" in server.log(), server.log, within_s=_ENDS_WITHIN_S)
    with unix_connect(str(path), "ws://localhost/ws", legacy=True) as ws:
        ws.send('{"type": "ping"}')
        assert ws.recv(timeout=_ENDS_WITHIN_S) == '{"type":"pong"}'


def test_machine_without_fork_is_served_by_werkzeug(make_server: MakeServer) -> None:
    # Remove what Windows lacks: fork, and the flag for a send that does not wait.
    script = (
        "import os, socket; del os.fork, socket.MSG_DONTWAIT; "
        "from chat.__main__ import main; main([])"
    )
    server = make_server((sys.executable, "-c", script), settings={"CHAT_PING_INTERVAL_S": "0.3"})
    server.start()
    said = server.logged(f"http://localhost:{server.port}\n")
    assert re.search(rf"(?m)^\[.+\] Serveur démarré sur http://localhost:{server.port}$", said)
    with Client(server.ws_url) as ann, Client(server.ws_url) as bob, RawPeer(server) as dead:
        ann.join("Ann")
        bob.join("Bob")
        dead.open()
        ann.post("x" * 2000)
        bob.expect("message")
        assert dead.read_frame() == (PING, b"")
        assert dead.at_end()
        assert server.stop(signal.SIGINT) < 5.0
        assert ann.close_code() == 1012
    assert "Traceback" not in server.log()
