import assert from "node:assert/strict";
import { test } from "node:test";

import { Comings } from "../../../chat/static/js/people/comings.js";
import { drawn } from "../../../chat/static/js/alerts/later/favicon.js";
import { mentionsIn } from "../../../chat/static/js/conversation/mentions.js";
import { Muted } from "../../../chat/static/js/people/muted.js";
import { calls, Settings } from "../../../chat/static/js/state/settings.js";
import { Store } from "../../../chat/static/js/base/store.js";
import { Strings } from "../../../chat/static/js/base/strings.js";
import { Area } from "../fakes.js";

const SENTENCES = {
  came: { one: "{people} joined.", other: "{people} have joined." },
  went: { one: "{people} left.", other: "{people} have left." },
  others: { one: "{count} other", other: "{count} others" },
  renamed: "{was} is {nick}.",
  othersRenamed: { one: "{count} other renamed.", other: "{count} others renamed." },
};

function comings(language = "en") {
  const list = new Comings(new Strings(SENTENCES, language), language, []);
  const member = (nick) => ({ id: nick, nick });
  const come = (...nicks) => nicks.forEach((nick) => list.joined(member(nick)));
  const go = (...nicks) => nicks.forEach((nick) => list.left(member(nick)));
  const plain = ({ sentence, members }) =>
    sentence.replace(/\u2068(\d+)\u2069/g, (place, index) => members[index].nick);
  const renames = () => plain(list.said(false));
  return { list, come, go, words: () => plain(list.said(true)).slice(renames().length).trim(), renames };
}

test("one line says who came and who went, in the reader's language", () => {
  const { come, go, words } = comings();
  assert.equal(words(), "");
  come("Ann");
  assert.equal(words(), "Ann joined.");
  come("Bob");
  go("Carl");
  assert.equal(words(), "Ann and Bob have joined. Carl left.");
  const french = comings("fr");
  french.come("Ann", "Bob", "Carl");
  assert.equal(french.words(), "Ann, Bob et Carl have joined.");
});

test("a crowd is counted, and the others are always two or more", () => {
  const { come, words } = comings("fr");
  come("Ann", "Bob", "Carl", "Dora");
  assert.equal(words(), "Ann, Bob, Carl et Dora have joined.");
  come("Émile");
  assert.equal(words(), "Ann, Bob, Carl et 2 others have joined.");
});

test("each person's new nick is told once, however often it changed", () => {
  const { list, come, words, renames } = comings();
  for (let n = 1; n <= 10; n += 1) list.renamed({ id: "a", nick: `Ann ${n}` }, n > 1 ? `Ann ${n - 1}` : "Ann");
  assert.equal(renames(), "Ann is Ann 10.");
  list.renamed({ id: "a", nick: "Ann" }, "Ann 10");
  assert.equal(renames(), "");
  come("Bob"); // who came and changed it at once
  list.renamed({ id: "Bob", nick: "Robert" }, "Bob");
  assert.deepEqual([words(), renames()], ["Robert joined.", ""]);
  list.left({ id: "c", nick: "Carl" });
  list.joined({ id: "c", nick: "Charles" });
  assert.equal(renames(), "Carl is Charles.");
  for (let n = 1; n <= 1_000; n += 1) list.renamed({ id: `d${n}`, nick: "new" }, `D ${n}`);
  assert.equal(renames(), "Carl is Charles. D 1 is new. D 2 is new. 97 others renamed.");
  list.clear();
  assert.equal(renames(), "");
});

test("people who come and go at once are not named", () => {
  const { list, come, go, words } = comings();
  come("Ann");
  go("Ann");
  go("Bob");
  come("Bob");
  assert.equal(words(), "");
  come("Carl");
  list.renamed({ id: "Carl", nick: "Charles" });
  assert.equal(words(), "Charles joined.");
  list.clear();
  assert.equal(words(), "");
});

test("a mention is the whole nick behind an at sign, in any case", () => {
  const mentions = (text, nick, ...others) =>
    mentionsIn(text, [nick, ...others]).some((mention) => mention.nick === nick);
  for (const text of ["@Zoé", "oui @zoé, merci", "(@ZOÉ)", "@Zoe\u0301 !", "@Zoée @Zoé"]) {
    assert.ok(mentions(text, "Zoé"), text);
  }
  for (const text of ["Zoé", "@Zoéline", "@ Zoé", "mail@zoé", "@Zo", ""]) assert.ok(!mentions(text, "Zoé"), text);
  assert.ok(mentions("@Ann  Lee?", "Ann Lee"));
  assert.ok(mentions("@𝒳 hello", "𝒳"));
  assert.ok(mentions("a@b? @b.", "b"));
  assert.ok(!mentions("@Ann Lee?", "Ann", "Ann Lee")); // the longer nick is another person's
});

test("the chosen level decides which messages call the reader", () => {
  const cases = { never: [false, false], mentions: [false, true], all: [true, true] };
  for (const [level, [plain, mention]] of Object.entries(cases)) {
    assert.equal(calls(level, false), plain);
    assert.equal(calls(level, true), mention);
  }
});

test("settings are silent at first, kept, and shared by tabs", () => {
  const area = new Area();
  const tab = (view) => new Settings(new Store(() => view));
  const [one, other] = [tab(area), tab(new Area(area))];
  assert.deepEqual(["sound", "notify", "typing", "comings"].map((name) => one.get(name)), ["never", "never", true, true]);
  let told = 0;
  for (const each of [one, other]) each.on("change", () => (told += 1));
  one.set("sound", "mentions");
  other.set("typing", false);
  assert.equal(told, 4);
  for (const each of [one, other, tab(new Area(area))]) {
    assert.equal(each.get("sound"), "mentions");
    assert.equal(each.get("typing"), false);
  }
});

test("hostile settings are read as the defaults", () => {
  for (const value of ['{"sound":"loud","typing":"yes"}', "[]", "3", '"x"', "{"]) {
    const area = new Area();
    area.setItem("tchat:settings", value);
    const settings = new Settings(new Store(() => area));
    assert.equal(settings.get("sound"), "never");
    assert.equal(settings.get("typing"), true);
  }
});

test("muted people are remembered on the device, and can be unmuted", () => {
  const area = new Area();
  const muted = new Muted(new Store(() => area));
  muted.mute({ id: "b", nick: "Bob" });
  const after = new Muted(new Store(() => area));
  assert.ok(after.has("b"));
  assert.deepEqual(after.all, [["b", "Bob"]]);
  after.unmute("b");
  assert.ok(new Muted(new Store(() => area)).isEmpty);
  area.setItem("tchat:muted", '[["a"], 3]');
  assert.ok(new Muted(new Store(() => area)).isEmpty);
});

test("what one tab mutes, all tabs mute, and none undoes another's", () => {
  const area = new Area();
  const [one, other] = [area, new Area(area)].map((view) => new Muted(new Store(() => view)));
  let drawn = 0;
  other.on("change", () => (drawn += 1));
  one.mute({ id: "a", nick: "Ada" });
  assert.ok(other.has("a"));
  assert.equal(drawn, 1);
  other.mute({ id: "b", nick: "Bob" });
  for (const each of [one, other]) assert.deepEqual(each.all, [["a", "Ada"], ["b", "Bob"]]);
  one.unmute("a");
  for (const each of [one, other]) assert.deepEqual(each.all, [["b", "Bob"]]);
});

test("the icon shows the number, with two digits at most", () => {
  assert.match(decodeURIComponent(drawn(7)), />7<\/text>/);
  assert.match(decodeURIComponent(drawn(250)), />99\+<\/text>/);
});
