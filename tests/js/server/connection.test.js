import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { Backoff } from "../../../chat/static/js/server/backoff.js";
import { Connection } from "../../../chat/static/js/server/connection.js";
import { Socket } from "../../../chat/static/js/server/socket.js";
import { FakeWebSocket } from "../fakes.js";

beforeEach(() => {
  FakeWebSocket.all.length = 0;
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
});

function connect({ why = async () => "unreachable" } = {}) {
  const connection = new Connection("ws://test/ws", {
    dial: (url, told) => new Socket(url, told, FakeWebSocket),
    why,
    backoff: new Backoff(() => 1),
  });
  connection.start();
  return connection;
}

test("after silence the page sends a ping, and without an answer it connects again", () => {
  const connection = connect();
  FakeWebSocket.last.open();
  mock.timers.tick(20_000);
  assert.deepEqual(FakeWebSocket.last.sent, [{ type: "ping" }]);
  FakeWebSocket.last.say({ type: "pong" });
  mock.timers.tick(20_000);
  assert.equal(FakeWebSocket.last.sent.length, 2);
  mock.timers.tick(8_000);
  assert.equal(connection.state.name, "waiting");
  mock.timers.tick(500);
  assert.equal(FakeWebSocket.all.length, 2);
});

test("after an unanswered post the page soon sends a ping", () => {
  const connection = connect();
  FakeWebSocket.last.open();
  connection.send({ type: "post", id: "a", text: "b" });
  mock.timers.tick(3_000);
  assert.equal(FakeWebSocket.last.sent.at(-1).type, "ping");
});

test("waking connects at once, or sends a ping if the connection is open", () => {
  const connection = connect();
  FakeWebSocket.last.open();
  connection.wake();
  assert.deepEqual(FakeWebSocket.last.sent, [{ type: "ping" }]);
  FakeWebSocket.last.end(1006);
  connection.wake();
  assert.equal(connection.state.name, "connecting");
  connection.wake();
  assert.equal(FakeWebSocket.all.length, 2);
});

test("a handshake that hangs is given up", () => {
  const connection = connect();
  mock.timers.tick(8_000);
  assert.equal(connection.state.reason, "unreachable");
});

test("after a refused handshake the page asks for the reason", async () => {
  const connection = connect({ why: async () => "full" });
  FakeWebSocket.last.end(1006);
  assert.equal(connection.state.reason, "unreachable");
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(connection.state.reason, "full");
});

test("a server that answers, but to no WebSocket from here, is not called silent", async () => {
  const connection = connect({ why: async () => "refused" });
  FakeWebSocket.last.end(1006);
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(connection.state.reason, "refused");
});

test("each close code has its own consequence", () => {
  for (const [code, name, reason, least, most] of [
    [1006, "waiting", "lost", 100, 500],
    [1012, "waiting", "restarting", 200, 2_000],
    [1013, "waiting", "full", 100, 500],
    [1008, "waiting", "abuse", 30_000, 45_000],
    [4003, "waiting", "removed", 500, 2_000], // then it asks once when it may come again
    [4004, "stopped", "ended", 0, 0],
    [4008, "connecting", undefined, 0, 0],
  ]) {
    const connection = connect();
    FakeWebSocket.last.open();
    FakeWebSocket.last.end(code);
    assert.equal(connection.state.name, name, `${code}`);
    assert.equal(connection.state.reason, reason, `${code}`);
    if (name === "waiting") {
      const wait = connection.state.retryAt - Date.now();
      assert.ok(least <= wait && wait <= most, `${code}: ${wait}`);
    }
  }
});

test("whoever may not come in for a time comes when it is over, and not earlier", () => {
  const connection = connect();
  const month = 30 * 86_400_000;
  for (const least of [600_000, month]) {
    FakeWebSocket.last.open();
    connection.pause("banned", least, 1.01);
    const wait = connection.state.retryAt - Date.now();
    assert.ok(wait >= least && wait <= least * 1.01, `${wait}`);
    connection.wake();
    assert.deepEqual([connection.mustWait, connection.state.name], [true, "waiting"]);
    connection.retryNow(); // the reader asks whether it is over already
    assert.equal(connection.state.name, "connecting");
  }
});

test("after abuse the page waits longer each time, until a connection has lasted", () => {
  const connection = connect();
  const wait = () => connection.state.retryAt - Date.now();
  const beAbused = () => {
    FakeWebSocket.last.open();
    connection.joined();
    FakeWebSocket.last.end(1008);
  };
  for (const least of [30_000, 60_000, 120_000, 240_000, 300_000, 300_000]) {
    beAbused();
    assert.equal(wait(), least * 1.5);
    connection.wake(); // neither the network nor the reader's eyes end it earlier
    assert.deepEqual([connection.mustWait, connection.state.reason], [true, "abuse"]);
    mock.timers.tick(wait());
    assert.equal(connection.state.name, "connecting");
  }
  FakeWebSocket.last.open();
  connection.joined();
  mock.timers.tick(30_000);
  FakeWebSocket.last.end(1008);
  assert.equal(wait(), 45_000);
});

test("handshakes that are refused after abuse are of the same cause", () => {
  const connection = connect({ why: async () => "refused" });
  FakeWebSocket.last.open();
  FakeWebSocket.last.end(1008);
  for (let n = 0; n < 3; n += 1) {
    mock.timers.tick(45_000);
    FakeWebSocket.last.end(1006);
    assert.equal(connection.state.reason, "abuse");
    assert.equal(connection.state.retryAt - Date.now(), 45_000);
  }
  mock.timers.tick(45_000);
  FakeWebSocket.last.open();
  connection.joined();
  FakeWebSocket.last.end(1006);
  assert.equal(connection.state.reason, "lost");
});

test("pages that are told how long to wait come back at different moments", () => {
  const connection = connect();
  FakeWebSocket.last.open();
  connection.pause("limited", 40_000);
  assert.equal(connection.state.retryAt - Date.now(), 60_000);
  assert.equal(connection.mustWait, true);
});

test("while a slow server restarts, the reason stays that it restarts", async () => {
  const connection = connect();
  FakeWebSocket.last.open();
  FakeWebSocket.last.end(1012);
  mock.timers.tick(2_000);
  FakeWebSocket.last.end(1006);
  assert.equal(connection.state.reason, "restarting");
});

test("if the server drops connections at once, the waits still grow", () => {
  const connection = connect();
  for (const wait of [500, 1_000, 2_000]) {
    FakeWebSocket.last.open();
    connection.joined();
    FakeWebSocket.last.end(1006);
    assert.equal(connection.state.retryAt - Date.now(), wait);
    mock.timers.tick(wait);
  }
  FakeWebSocket.last.open();
  connection.joined();
  mock.timers.tick(6_000);
  FakeWebSocket.last.end(1006);
  assert.equal(connection.state.retryAt - Date.now(), 500);
});

test("after being too slow twice in a row, the page waits", () => {
  const connection = connect();
  FakeWebSocket.last.open();
  FakeWebSocket.last.end(4008);
  FakeWebSocket.last.open();
  FakeWebSocket.last.end(4008);
  assert.equal(connection.state.name, "waiting");
});
