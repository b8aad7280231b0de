import assert from "node:assert/strict";
import { test } from "node:test";

import { Names } from "../../../chat/static/js/people/names.js";

const ADA = { id: "nZ6ySJ7cRkWc2h1m0f-Xpw", nick: "Ada" };
const FORGER = { id: "Qe1vYhC0S_m5oT4xkU8a3g", nick: "Ada" };

const names = () => Object.assign(new Names(null), { told: 0 });

function listening() {
  const all = names();
  all.on("change", () => (all.told += 1));
  return all;
}

test("a nick alone has no tag, and two members of one nick have different ones", async () => {
  const all = listening();
  assert.equal(all.text(ADA), "Ada");
  assert.equal(all.text({ ...FORGER, nick: "Bob" }), "Bob");
  assert.equal(all.text(ADA), "Ada");
  await Promise.resolve();
  assert.equal(all.told, 0);
  const tag = all.tag(FORGER);
  assert.match(tag, /^#[0-9a-hjkmnp-tv-z]{6}$/);
  assert.match(all.text(ADA), /^Ada #/);
  assert.notEqual(all.tag(ADA), tag);
  assert.equal(all.tag({ ...ADA, nick: "Lovelace" }), ""); // nobody else has had this one
  await Promise.resolve();
  assert.equal(all.told, 1); // what is written already needs a tag now
});

test("nicks of one look are one nick", () => {
  for (const [one, other] of [
    ["Ada", "ADA"],
    ["Ada", "Ａｄａ"],
    ["Zoé", "Zoe\u0301"],
    ["Straße", "STRASSE"],
    ["Ada L", "Ada\u00a0 L"],
  ]) {
    const all = names();
    all.tag({ ...ADA, nick: one });
    assert.notEqual(all.tag({ ...FORGER, nick: other }), "", other);
  }
});

test("a tag that a forger has found gets longer until it tells them apart", () => {
  const all = names();
  all.tag(ADA);
  const forged = { ...ADA, id: ADA.id.slice(0, 12) + FORGER.id.slice(12) };
  assert.notEqual(all.tag(forged), all.tag(ADA));
  assert.equal(all.tag(ADA).length, 1 + 14);
  assert.equal(all.tag(forged).slice(0, 13), all.tag(ADA).slice(0, 13));
});

test("a nick that feigns a tag gets its own after it", () => {
  const all = names();
  for (const nick of ["Ada #k7qxm2", "Ada ＃K7", "#1"]) {
    assert.match(all.text({ ...FORGER, nick }), /^.* #[0-9a-z]{6}$/);
  }
  assert.equal(all.text({ ...FORGER, nick: "C#" }), "C#");
});

test("what is remembered is bounded, and what is in use is kept", () => {
  const all = listening();
  all.tag(ADA);
  all.tag(FORGER);
  for (let i = 0; i < 10_000; i += 1) {
    all.tag({ id: `${i}`, nick: `Guest ${i}` });
    if (i % 1_000 === 0) assert.notEqual(all.tag(ADA), "");
  }
  for (let i = 0; i < 1_000; i += 1) all.tag({ id: `${i}`.padStart(22, "x"), nick: "Ada" });
  assert.notEqual(all.tag(ADA), "");
  assert.equal(all.tag({ id: "1", nick: "Guest 1" }), ""); // forgotten: it is new again
});

test("who writes before the server has let them in is not another member", () => {
  const all = names();
  assert.equal(all.text({ id: "", nick: "Ada" }), "Ada");
  assert.equal(all.text(ADA), "Ada");
});
