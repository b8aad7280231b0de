import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { outline } from "../../../chat/static/js/rooms/later/qr.js";
import { RecentRooms } from "../../../chat/static/js/rooms/recent-rooms.js";
import { isRoom, roomAt, roomForm, roomPath } from "../../../chat/static/js/rooms/room-name.js";
import { Store } from "../../../chat/static/js/base/store.js";
import { Area } from "../fakes.js";

test("the page accepts the rooms' names that the server accepts", () => {
  for (const name of ["general", "été-2025", "a", "_", "日本", "кухня", "m".repeat(32), "𝒶".normalize("NFKC")]) {
    assert.ok(isRoom(name), name);
  }
  for (const name of ["", "m".repeat(33), "Été", "a b", "a/b", "a.b", "e\u0301", "\u0301a", "a\u200b", "½", "🦊", "Ⅳ"]) {
    assert.ok(!isRoom(name), name);
  }
});

test("length is counted in code points, as the server counts", () => {
  assert.ok(isRoom("𐐨".repeat(32)));
  assert.ok(!isRoom("𐐨".repeat(33)));
});

test("what somebody types becomes a room's name", () => {
  assert.equal(roomForm("  Salle 3 B "), "salle-3-b");
  assert.equal(roomForm("E\u0301te\u0301"), "été");
  assert.equal(roomForm("a\u200bb"), "ab");
});

test("the home room is the root, any other has its path", () => {
  assert.equal(roomPath("general"), "/");
  assert.equal(roomPath("été"), "/r/%C3%A9t%C3%A9");
});

// The server's own test (tests/names/test_rooms.py) has the same cases.
const CASES = JSON.parse(readFileSync(new URL("../../corpus/rooms.json", import.meta.url)));

test("an address that can be repaired leads to its room, as on the server", () => {
  for (const [path, room] of CASES.rooms) {
    assert.equal(roomAt(path), room, path);
    assert.equal(roomAt(`/chat${path}`, "/chat"), room, path);
    assert.equal(roomAt(path, "/chat"), null, path);
  }
});

test("an address that no room can be meant by leads nowhere", () => {
  for (const path of CASES.none) assert.equal(roomAt(path), null, path);
  for (const path of ["%20".repeat(1001), "%C2%AB".repeat(50_000)]) assert.equal(roomAt(`/r/${path}a`), null);
});

test("recent rooms are listed latest first, each once, eight at most", () => {
  const recent = new RecentRooms(new Store(() => area));
  const area = new Area();
  for (const room of ["a", "b", "a"]) recent.visit(room);
  assert.deepEqual(recent.all, ["a", "b"]);
  for (let i = 0; i < 20; i += 1) recent.visit(`room-${i}`);
  assert.equal(recent.all.length, 8);
  assert.equal(recent.all[0], "room-19");
});

test("hostile contents of the storage are ignored", () => {
  for (const value of ["{}", "12", '["javascript:alert(1)", "../../x", 3, null]', "["]) {
    const area = new Area();
    area.setItem("tchat:rooms", value);
    assert.deepEqual(new RecentRooms(new Store(() => area)).all, []);
  }
});

test("dark modules beside one another are drawn in one piece", () => {
  assert.equal(outline([[true, true, false, true]]), "M0 0h2v1h-2zM3 0h1v1h-1z");
  assert.equal(outline([[false], [true]]), "M0 1h1v1h-1z");
});
