"""What the operator does from the terminal, to a server that runs and to one that is stopped."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from stat import S_IMODE

import pytest

from chat.cli import tchat
from tests.support.api import Caller
from tests.support.client import Client
from tests.support.logs import Past
from tests.support.redis import RedisServer
from tests.support.servers import MODULE, ROOT, ChatServer
from tests.support.waiting import wait_until

MakeServer = Callable[..., ChatServer]
JAN = 1_767_225_600_000  # 2026-01-01


@pytest.fixture
def running(make_server: MakeServer) -> ChatServer:
    server = make_server()
    server.start()
    return server


def run(server: ChatServer, *arguments: object, code: int = 0) -> str:
    """Run a command to its end, and give what it has printed."""
    done = server.run(*arguments)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def talk(server: ChatServer) -> tuple[Caller, Caller]:
    """Say something in the kitchen: four messages, one edited, one removed, one that answers."""
    ann, bob = Caller(server), Caller(server)
    ann.posted("kitchen", "a1", "tea?\n  or coffee <b>", nick="Ann")
    bob.posted("kitchen", "b1", "tea", nick="Bob", reply=1)
    ann.posted("kitchen", "a2", "no sugr")
    bob.posted("kitchen", "b2", "oops")
    assert ann.ask("PATCH", "/rooms/kitchen/messages/a2", {"text": "no sugar"}).status == 200
    assert bob.remove("kitchen", "b2").status == 204
    return ann, bob


# --- which way a command goes ---------------------------------------------------------------------


@pytest.mark.embedded
def test_socket_is_its_users_alone_and_goes_with_its_server(running: ChatServer) -> None:
    path = running.database.with_name("tchat.db.sock")
    assert S_IMODE(path.stat().st_mode) == 0o600
    running.stop()
    assert not path.exists()


@pytest.mark.embedded
def test_socket_of_a_killed_server_is_nobodys(running: ChatServer) -> None:
    talk(running)
    running.kill()
    assert "kitchen" in run(running, "rooms")  # by itself
    running.start()
    with Client(running.ws_url) as page:
        page.join("Zoé", "kitchen")
        assert "Zoé" in run(running, "who")


@pytest.mark.embedded
def test_socket_belongs_to_the_worker_that_took_over(running: ChatServer) -> None:
    assert running.process is not None
    before = running.database.with_name("tchat.db.sock").stat().st_ino
    running.process.send_signal(signal.SIGHUP)

    def is_anew() -> bool:
        path = running.database.with_name("tchat.db.sock")
        return path.exists() and path.stat().st_ino != before

    assert wait_until(is_anew)
    with Client(running.ws_url) as page:
        page.join("Zoé", "kitchen")
        assert "Zoé" in run(running, "who")


@pytest.mark.embedded
def test_socket_may_have_a_long_path(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    server = ChatServer(folder)
    try:
        server.start()
        with Client(server.ws_url) as page:
            page.join("Zoé")
            assert "Zoé" in run(server, "who")
    finally:
        server.end()


@pytest.mark.embedded
def test_without_a_database_there_is_nothing_to_do(make_server: MakeServer) -> None:
    server = make_server()
    assert "there is no database" in run(server, "rooms", code=1)
    assert not server.database.exists()


def test_stopped_servers_log_is_changed_by_the_command_itself(running: ChatServer) -> None:
    ann, _ = talk(running)
    running.stop()
    run(running, "remove", "message", "kitchen", 1)
    running.start()
    assert ann.ask("GET", "/rooms/kitchen/messages/a1").body["removed"]


# --- people ---------------------------------------------------------------------------------------


def test_who_lists_each_person_with_room_and_time(running: ChatServer) -> None:
    with Client(running.ws_url) as one, Client(running.ws_url) as other:
        one.join("Zoé", "kitchen")
        other.join("東京 🎉", "garden")
        lines = run(running, "who").splitlines()
        kitchen = run(running, "who", "--room", "kitchen")
        people = [json.loads(line) for line in run(running, "who", "--json").splitlines()]
    assert lines[0].split() == ["NICK", "ROOM", "SINCE", "MEMBER"]
    assert re.fullmatch(
        rf"東京 🎉  garden +2\d\d\d-\d\d-\d\d \d\d:\d\d \(\d+ min\)  {other.member['id']}",
        lines[1],
    )
    assert "Zoé" in kitchen
    assert "東京" not in kitchen
    assert [(each["room"], each["nick"]) for each in people] == [
        ("garden", "東京 🎉"),
        ("kitchen", "Zoé"),
    ]


def test_who_is_put_out_is_out_until_the_operator_lets_it_in(running: ChatServer) -> None:
    with Client(running.ws_url) as page:
        page.key = "abcdefghijklmnopqrstuvwx"  # its member's id begins with a hyphen
        page.join("Bob", "kitchen")
        assert page.member["id"].startswith("-")
        assert "Bob is out for 86400 seconds" in run(
            running, "put-out", "Bob", "--room", "kitchen", "--for", "1d"
        )
        assert page.close_code() == 4003
        page.connect()
        assert page.refusal(**page.join_command("Bob"))["code"] == "banned"
        run(running, "put-out", page.member["id"], "--room", "kitchen", "--for", "0")
        page.join("Bob", "kitchen")


def test_nobody_is_put_out_who_is_not_meant(running: ChatServer) -> None:
    assert "nobody here is called Bob" in run(running, "put-out", "Bob", code=1)
    assert "is not a time" in run(running, "put-out", "Bob", "--for", "long", code=2)


# --- rooms ----------------------------------------------------------------------------------------


def test_rooms_are_listed_with_what_they_are(running: ChatServer) -> None:
    talk(running)
    owner = Caller(running, key="", owner="a-key-of-my-own-making")
    made = owner.ask("POST", "/rooms", {"title": "Family \x1b[31m"}).body["room"]
    lines = run(running, "rooms").splitlines()
    rooms = {
        each["room"]: each for each in map(json.loads, run(running, "rooms", "--json").splitlines())
    }
    assert re.fullmatch(
        r"kitchen +6 +2\d\d\d-\d\d-\d\d \d\d:\d\d",
        next(line for line in lines if line.startswith("kitchen")),
    )
    assert any(made in line and "made, « Family [31m »" in line for line in lines)
    assert (rooms["kitchen"]["entries"], rooms["kitchen"]["head"]) == (6, 6)


def test_removed_message_goes_from_every_page(running: ChatServer) -> None:
    talk(running)
    with Client(running.ws_url) as page:
        page.join("Zoé", "kitchen")
        run(running, "remove", "message", "kitchen", 2)
        assert page.expect("removed")["target"] == 2
    assert "there is no message 99" in run(running, "remove", "message", "kitchen", 99, code=1)


def test_all_of_a_persons_messages_go_from_all_rooms(running: ChatServer) -> None:
    ann, bob = talk(running)
    member = bob.posted("garden", "b3", "roses")["member"]["id"]
    assert "interrupted" in run(running, "remove", "person", member, code=1)  # nobody said yes
    run(running, "remove", "person", member, "--yes")
    run(running, "remove", "person", member, "--yes")  # it is done already

    def texts(room: str) -> list[str]:
        return [each["text"] for each in ann.read(room, before=100)["messages"]]

    wait_until(lambda: texts("kitchen") == ["tea?\n  or coffee <b>", "", "no sugar", ""])
    wait_until(lambda: texts("garden") == [""])


def test_removed_room_is_gone_for_all(running: ChatServer) -> None:
    ann, _ = talk(running)
    with Client(running.ws_url) as page:
        page.join("Zoé", "kitchen")
        run(running, "remove", "room", "kitchen", "--yes")
        assert page.close_code() == 4004
    assert ann.ask("GET", "/rooms/kitchen/messages").code == "room_ended"
    assert "does not end" in run(running, "remove", "room", "general", "--yes", code=1)


def test_oldest_entries_are_pruned_by_number_and_by_time(make_server: MakeServer) -> None:
    server = make_server(settings={"CHAT_RETENTION_MIN_HOURS": "1"})
    past = [Past("Eve", str(n), JAN + n * 3_600_000) for n in range(300)]
    server.fill("kitchen", past)
    server.fill("garden", past[:10])
    server.start()
    assert "200 entries are deleted" in run(
        server, "prune", "--room", "kitchen", "--keep", 100, "--yes"
    )
    ann = Caller(server)

    def seqs(room: str) -> list[int]:
        return [each["seq"] for each in ann.read(room, after="0", limit=500)["entries"]]

    assert seqs("kitchen") == list(range(201, 301))
    run(server, "prune", "--before", "2026-01-10T00:00:00Z", "--yes")
    assert seqs("kitchen") == list(range(217, 301))
    assert seqs("garden") == []
    assert ann.posted("garden", "a1", "still here")["seq"] == 11
    assert "Say either" in run(server, "prune", code=2)
    assert "there is no room cellar" in run(
        server, "prune", "--room", "cellar", "--keep", 1, code=1
    )


# --- export and import ----------------------------------------------------------------------------


def test_export_is_the_conversation_as_it_was_written(running: ChatServer, tmp_path: Path) -> None:
    talk(running)
    text, lines, page = (tmp_path / name for name in ("k.txt", "k.ndjson", "k.html"))
    for file in (text, lines, page):
        assert f"{file} has 4 messages of kitchen." in run(
            running, "export", file, "--room", "kitchen"
        )
        assert S_IMODE(file.stat().st_mode) == 0o600
    said = [
        re.sub(r"^2\d\d\d-\d\d-\d\d \d\d:\d\d ", "", line) for line in text.read_text().splitlines()
    ]
    assert said == ["Ann: tea?", "      or coffee <b>", "Bob: tea", "Ann: no sugar"]
    messages = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [(each["seq"], each["text"]) for each in messages] == [
        (1, "tea?\n  or coffee <b>"),
        (2, "tea"),
        (3, "no sugar"),
        (4, ""),
    ]
    html = page.read_text()
    assert "or coffee &lt;b&gt;" in html
    assert "oops" not in html
    assert sorted(each.name for each in tmp_path.iterdir() if each.is_file()) == [
        "k.html",
        "k.ndjson",
        "k.txt",
    ]
    assert "exists" in run(running, "export", text, "--room", "kitchen", code=1)
    assert run(running, "export", "--room", "kitchen") == text.read_text()
    assert run(running, "export", "-", "--room", "kitchen", "--format", "ndjson") == (
        lines.read_text()
    )


def test_export_of_a_private_room_does_not_have_its_key(
    running: ChatServer, tmp_path: Path
) -> None:
    owner = Caller(running, key="", owner="a-key-of-my-own-making")
    room = owner.ask("POST", "/rooms", {"title": "Family"}).body["room"]
    owner.posted(room, "m1", "hello")
    file = tmp_path / "family.html"
    assert "1 message of Family" in run(running, "export", file, "--room", room)
    assert room not in file.read_text()


def test_interrupted_export_goes_on_where_it_was(make_server: MakeServer, tmp_path: Path) -> None:
    server = make_server()
    server.fill("kitchen", [Past("Eve", f"text {n}", JAN + n) for n in range(5000)])
    server.start()
    file, part = tmp_path / "k.ndjson", tmp_path / "k.ndjson.part"
    command = subprocess.Popen(
        [*MODULE, "export", str(file), "--room", "kitchen"], env=server.environment, cwd=ROOT
    )
    try:
        wait_until(lambda: (part.exists() and b'{"place"' in part.read_bytes()) or file.exists())
    finally:
        command.kill()
        command.wait()
    if part.exists():
        with part.open("a") as lines:
            lines.write('{"type": "message", "seq": 99')  # cut off
    run(server, "export", file, "--room", "kitchen", "--force")
    seqs = [json.loads(line)["seq"] for line in file.read_text().splitlines()]
    assert seqs == list(range(1, 5001))


def test_import_brings_people_times_and_answers_and_can_be_repeated(
    running: ChatServer, tmp_path: Path
) -> None:
    ann, _ = talk(running)
    file = tmp_path / "kitchen.ndjson"
    run(running, "export", file, "--room", "kitchen")
    before = [each for each in ann.read("kitchen", before=100)["messages"] if each["text"]]
    with Client(running.ws_url) as page:
        page.join("Zoé", "pantry")
        assert "3 messages are now in pantry." in run(running, "import", file, "--room", "pantry")
        seen = [page.expect("message") for _ in range(3)]
    after = ann.read("pantry", before=100)["messages"]
    names = ("id", "member", "text", "at")
    assert [{name: each[name] for name in names} for each in after] == [
        {name: each[name] for name in names} for each in before
    ]
    assert seen == after
    assert after[1]["reply"]["text"] == "tea?\n  or coffee <b>"
    assert "0 messages are now in pantry, 3 were there already" in run(
        running, "import", file, "--room", "pantry"
    )


def test_import_into_another_conversation_is_asked_for(running: ChatServer, tmp_path: Path) -> None:
    ann, _ = talk(running)
    file = tmp_path / "kitchen.ndjson"
    run(running, "export", file, "--room", "kitchen")
    ann.posted("pantry", "p1", "jam")
    assert "something else was said" in run(running, "import", file, "--room", "pantry", code=1)
    run(running, "import", file, "--room", "pantry", "--append")
    assert len(ann.read("pantry", before=100)["messages"]) == 4


@pytest.mark.parametrize("line", ["{", "[]", '{"seq": 1}', '{"seq": "x", "id": "a"}'])
def test_file_that_is_no_export_is_refused_by_its_line(
    running: ChatServer, tmp_path: Path, line: str
) -> None:
    file = tmp_path / "bad.ndjson"
    file.write_text(line + "\n")
    assert "line 1 of" in run(running, "import", file, "--room", "pantry", code=1)


@pytest.mark.long
def test_many_messages_are_imported_with_all_answers(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server()
    server.start()
    file = tmp_path / "many.ndjson"
    member = {"id": "m" * 22, "nick": "Eve"}
    lines = [
        {"seq": n, "id": f"i-{n}", "member": member, "text": str(n), "at": "2026-01-01T00:00:00Z"}
        | ({"reply": {"seq": n - 10}} if n % 50 == 0 else {})
        for n in range(11, 361)
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run(server, "import", file, "--room", "pantry")
    entries = Caller(server).read("pantry", after="0", limit=500)["entries"]
    assert [each["text"] for each in entries] == [str(n) for n in range(11, 361)]
    replies = {each["text"]: each["reply"]["text"] for each in entries if "reply" in each}
    assert replies == {str(n): str(n - 10) for n in range(50, 361, 50)}


# --- is it well? ----------------------------------------------------------------------------------


@pytest.mark.embedded
def test_doctor_finds_a_well_server_well(running: ChatServer) -> None:
    output = run(running, "doctor", "--url", running.url)
    assert "BAD" not in output
    for words in ("all values are allowed", "can be read", "a WebSocket passes"):
        assert words in output


@pytest.mark.embedded
def test_doctor_says_whether_redis_keeps_what_it_confirms(
    make_server: MakeServer, make_redis: Callable[..., RedisServer]
) -> None:
    good, bad = make_redis(appendonly="yes"), make_redis()
    done = [make_server(redis_url=each.url).run("doctor") for each in (good, bad)]
    assert [each.returncode for each in done] == [0, 1]
    assert "BAD   Redis: " in done[1].stdout
    assert "Set it to yes" in done[1].stdout
    good.end()
    gone = make_server(redis_url=good.url).run("doctor")
    assert gone.returncode == 1
    assert "cannot be asked" in gone.stdout


def test_doctor_says_what_to_change(make_server: MakeServer) -> None:
    server = make_server(settings={"TRUSTED_PROXIES": "2", "CHAT_HOST": "a.example"})
    server.start()
    done = server.run("doctor", "--url", server.url)
    assert done.returncode == 1
    assert "CHAT_HOST is ignored" in done.stdout
    assert re.search(r"BAD +proxy: 2 proxies are trusted, 0 add an address", done.stdout)


def test_doctor_tells_of_an_address_that_nobody_answers(running: ChatServer) -> None:
    done = running.run("doctor", "--url", "http://127.0.0.1:9")
    assert done.returncode == 1
    assert "cannot be asked" in done.stdout


def test_doctor_refuses_a_wrong_setting(make_server: MakeServer) -> None:
    done = make_server(settings={"CHAT_LIMITS": "perhaps"}).run("doctor")
    assert done.returncode == 1
    assert "BAD   settings: CHAT_LIMITS='perhaps' is not allowed" in done.stdout


def test_stats_draw_the_week(running: ChatServer) -> None:
    talk(running)
    lines = run(running, "stats").splitlines()
    assert len([line for line in lines if re.match(r"\w{3} \d\d-\d\d  ", line)]) == 7
    assert sum("█" in line for line in lines) == 1
    assert any(
        line.startswith(("3 posts in seven days", "4 posts in seven days")) for line in lines
    )
    assert any(line.split() == ["kitchen", "6"] for line in lines)


# --- the documents --------------------------------------------------------------------------------


def test_each_command_has_a_row() -> None:
    page = (ROOT / "docs/commands.md").read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)
    assert sorted(rows) == sorted(tchat.commands)
