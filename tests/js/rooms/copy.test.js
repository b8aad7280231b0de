import assert from "node:assert/strict";
import { test } from "node:test";

import { Dates } from "../../../chat/static/js/base/dates.js";
import { Source } from "../../../chat/static/js/base/source.js";
import { Strings } from "../../../chat/static/js/base/strings.js";
import { fileName } from "../../../chat/static/js/rooms/later/copy-file.js";
import { closing, CopyHtml, opening } from "../../../chat/static/js/rooms/later/copy-html.js";
import { gathered } from "../../../chat/static/js/rooms/later/gathering.js";
import { escaped, plainHtml } from "../../../chat/static/js/rooms/later/plain-html.js";

const HOSTILE = `</style></script><img src=x onerror="alert(1)">'&--><!--`;
const strings = new Strings({ copyEdited: "edited", copyRemoved: "removed" }, "en");
const names = { tag: ({ id }) => (id === "tagged" ? "#k7qxm2" : "") };
const dates = new Dates("en", ["en-GB"]);

const message = (seq, values = {}) => ({
  seq,
  id: `id-${seq}`,
  member: { id: "a", nick: "Ada" },
  text: "",
  at: new Date(2026, 0, 1, 10, seq).toISOString(),
  ...values,
});

const written = (messages, has = () => true) => {
  const copy = new CopyHtml({ dates, names, strings, has });
  return messages.map((each) => copy.message(each, escaped(each.text))).join("") + copy.end();
};

test("hostile nicks, texts, titles and quotes stay text", () => {
  const member = { id: HOSTILE, nick: HOSTILE };
  const html = [
    opening({ language: "en", title: HOSTILE, sheet: "a{b:c}</style>", about: [HOSTILE] }),
    written([message(1, { member, text: HOSTILE, reply: { seq: HOSTILE, member, text: HOSTILE } })]),
    closing,
  ].join("");
  const tags = new Set(Array.from(html.matchAll(/<\/?(\w+)/g), ([, name]) => name));
  assert.deepEqual([...tags].filter((name) => ["img", "script"].includes(name)), []);
  assert.equal(html.match(/<\/style>/g).length, 1);
  assert.ok(!html.includes("<!--"));
  assert.ok(!/\son\w+=/.test(html.replaceAll(/&[#\w]+;/g, "").replaceAll(/>[^<]*</g, "><")));
  assert.match(html, /Content-Security-Policy" content="default-src 'none'/);
});

test("days, groups, edits, removals and answers are as on the page", () => {
  const html = written([
    message(1, { text: "one" }),
    message(2, { text: "two", edited: new Date(2026, 0, 1, 11).toISOString() }),
    message(3, { removed: true }),
    message(4, { text: "four", member: { id: "tagged", nick: "Bob" }, reply: { seq: 1, member: { id: "a", nick: "Ada" }, text: "one" } }),
    message(5, { at: new Date(2026, 0, 2, 10).toISOString(), text: "five", reply: { seq: 3, removed: true } }),
  ]);
  assert.deepEqual(Array.from(html.matchAll(/<h2><span>([^<]*)/g), ([, day]) => day.replace(",", "")), [
    "Thursday 1 January 2026",
    "Friday 2 January 2026",
  ]);
  assert.equal(html.match(/<ol>/g).length, html.match(/<\/ol>/g).length);
  assert.deepEqual(Array.from(html.matchAll(/ id="m(\d)"/g), ([, seq]) => seq), ["1", "2", "3", "4", "5"]);
  assert.equal(html.match(/class="message hue-\d+ grouped"/g).length, 2);
  assert.match(html, /class="edited" title="[^"]+">edited/);
  assert.match(html, /<p class="gone">removed<\/p>/);
  assert.match(html, /<a href="#m1"><bdi class="nick">Ada<\/bdi> <span>one<\/span><\/a>/);
  assert.match(html, /<a href="#m3"><span class="gone">removed<\/span><\/a>/);
  assert.match(html, /Bob<\/bdi><span class="tag">#k7qxm2/);
  const without = written([message(4, { text: "four", reply: { seq: 1, member: { id: "a", nick: "Ada" }, text: "one" } })], () => false);
  assert.ok(!without.includes("href"));
});

// As much of an element as plainHtml reads.
const element = (localName, attributes, ...childNodes) => ({
  nodeType: 1,
  localName,
  hidden: "hidden" in attributes,
  getAttribute: (name) => attributes[name] ?? null,
  childNodes: childNodes.map((each) => (typeof each === "string" ? { nodeType: 3, data: each } : each)),
});

test("only what is known is written of an element", () => {
  const html = plainHtml(element("div", {},
    element("p", { dir: "auto", onclick: "alert(1)", style: "x" }, "a < b", element("span", { hidden: "" }, "**"), element("mark", { class: "mention" }, "@me")),
    element("a", { href: "javascript:alert(1)" }, "bad"),
    element("a", { href: 'https://x.org/?a="b"', target: "_blank" }, "good"),
    element("button", {}, "Copy"), element("svg", {}, element("script", {}, "x")), element("marquee", {}, "old"),
    element("pre", { tabindex: "0", "aria-label": "Code" }, element("code", {}, "x = 'y'")),
  ));
  assert.equal(html, [
    '<p dir="auto">a &lt; b<span class="mention">@me</span></p><a>bad</a>',
    '<a href="https://x.org/?a=&quot;b&quot;" rel="noopener noreferrer nofollow">good</a>old',
    '<pre tabindex="0" role="group" aria-label="Code"><code>x = &#39;y&#39;</code></pre>',
  ].join(""));
});

const NEVER = new AbortController().signal;

class FakeRoom extends Source {
  asked = [];
  last = { seq: 250 };
  refusals = [];

  async ask(command) {
    this.asked.push(command.before);
    const refusal = this.refusals.shift();
    if (refusal) throw refusal;
    const from = Math.max(1, command.before - command.limit);
    const messages = Array.from({ length: command.before - from }, (_, index) => message(from + index));
    return { type: "history", before: command.before, messages, more: from > 1 };
  }
}

test("all messages are gathered in pages, oldest first", async () => {
  const room = new FakeRoom();
  const shares = [];
  const all = await gathered(room, (count, share) => shares.push([count, share]), NEVER);
  assert.deepEqual(all.map(({ seq }) => seq), Array.from({ length: 250 }, (_, index) => index + 1));
  assert.deepEqual(room.asked, [251, 151, 51]);
  assert.deepEqual(shares.at(-1), [250, 1]);
  assert.ok(shares.every(([, share], index) => index === 0 || share >= shares[index - 1][1]));
});

test("a refusal for now is waited for; any other ends the copy", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const room = new FakeRoom();
  room.refusals = [{ code: "rate_limited", retry_after: 2 }];
  const all = gathered(room, () => {}, NEVER);
  await new Promise(setImmediate);
  assert.deepEqual(room.asked, [251]);
  t.mock.timers.tick(3_000);
  assert.equal((await all).length, 250);
  room.refusals = [{ code: "out" }];
  await assert.rejects(gathered(room, () => {}, NEVER), { code: "out" });
});

test("a copy that is stopped ends at once, also while nobody answers", async () => {
  const stop = new AbortController();
  const all = gathered(new FakeRoom(), () => stop.abort(), stop.signal);
  await assert.rejects(all, { name: "AbortError" });
  const room = new FakeRoom();
  room.ask = () => new Promise(() => {});
  const other = new AbortController();
  const never = gathered(room, () => {}, other.signal);
  other.abort();
  await assert.rejects(never, { name: "AbortError" });
});

test("a file's name is one on every system", () => {
  const now = new Date(2026, 1, 3);
  const of = (words) => fileName({ called: { words } }, "html", now);
  assert.equal(of("salon"), "salon 2026-02-03.html");
  assert.equal(of('a/b\\c:d*?"<>|\u202e..'), "a b c d 2026-02-03.html");
  assert.equal(of("..."), "tchat 2026-02-03.html");
});
