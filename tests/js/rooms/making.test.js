import assert from "node:assert/strict";
import { test } from "node:test";

import { askToMake } from "../../../chat/static/js/rooms/later/asking.js";
import { calledIn, isPrivate } from "../../../chat/static/js/rooms/room-title.js";
import { Store } from "../../../chat/static/js/base/store.js";
import { Strings } from "../../../chat/static/js/base/strings.js";
import { Area } from "../fakes.js";

const WISH = { type: "make", private: true, owner: "m".repeat(22) };

// Gives what `answer(told, sent)` makes of the command.
const asked = (answer) =>
  askToMake("ws://localhost/ws", WISH, (url, told) => {
    queueMicrotask(() => told.opened());
    return {
      send: (command) => queueMicrotask(() => answer(told, command)),
      abandon: () => told.closed({ code: 1006 }),
    };
  });

test("a room is made over a connection of its own", async () => {
  const made = { type: "made", room: "a".repeat(26), owner: WISH.owner };
  assert.deepEqual(await asked((told, command) => {
    assert.deepEqual(command, WISH);
    told.received({ type: "pong" });
    told.received(made);
  }), made);
});

test("a refusal and a lost answer are told apart", async () => {
  const error = { type: "error", code: "room_exists", command: "make" };
  await assert.rejects(asked((told) => told.received(error)), error);
  await assert.rejects(asked((told) => told.closed({ code: 1006 })), { code: "out" });
});

test("a private room is called by its title, and never by its name", () => {
  const store = new Store(() => new Area());
  const strings = new Strings({ privateRoom: "Private room" }, "en");
  const name = "abcdefghijklmnopqrstuvwx27";
  assert.ok(isPrivate(name) && !isPrivate("salon") && !isPrivate(`${name}a`) && !isPrivate("m".repeat(25) + "1"));
  assert.equal(calledIn(store, strings, name), "Private room");
  store.write(`title:${name}`, "Réunion");
  assert.equal(calledIn(store, strings, name), "Réunion");
  assert.equal(calledIn(store, strings, "salon"), "salon");
});
