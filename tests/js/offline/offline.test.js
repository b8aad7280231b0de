import assert from "node:assert/strict";
import { test } from "node:test";

import { conversationText } from "../../../chat/static/js/rooms/later/conversation-text.js";
import { applied, joined } from "../../../chat/static/js/offline/later/last-messages.js";
import { Names } from "../../../chat/static/js/people/names.js";
import { Queue } from "../../../chat/static/js/writing/queue.js";
import { Store } from "../../../chat/static/js/base/store.js";
import { Strings } from "../../../chat/static/js/base/strings.js";
import { Area } from "../fakes.js";

// `history` tells apart logs that have the same epoch: their messages have other times.
const log = (from, to, history) =>
  Array.from({ length: to - from + 1 }, (_, i) => ({ seq: from + i, at: `${history} ${from + i}` }));
const kept = (from, to, { epoch = "e", history = "first" } = {}) => ({
  epoch, seq: to, messages: log(from, to, history),
});
const seqs = ({ messages }) => messages.map(({ seq }) => seq);

test("kept messages stay before the shown ones, if the last of them is shown", () => {
  assert.deepEqual(seqs(joined(kept(1, 5), kept(4, 8))), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(seqs(joined(kept(1, 8), kept(4, 8))), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(seqs(joined(kept(2, 5), kept(1, 6))), [1, 2, 3, 4, 5, 6]);
});

test("if nothing proves that both are of one log, only the shown messages are kept", () => {
  const before = [
    kept(1, 2), // a gap
    kept(1, 3), // no message in common
    kept(1, 9), // the log is shorter now
    kept(1, 5, { epoch: "other" }),
    kept(1, 5, { history: "second" }), // put back from an older copy, which went on in another way
    kept(1, 0),
    undefined,
  ];
  for (const each of before) assert.deepEqual(seqs(joined(each, kept(4, 8))), [4, 5, 6, 7, 8]);
});

test("an empty room keeps nothing, and forgets what an older log had", () => {
  const empty = { epoch: "e", seq: 0, messages: [] };
  assert.deepEqual(seqs(joined(kept(1, 5, { epoch: "other" }), empty)), []);
  const emptied = { epoch: "e", seq: 45, seenAt: "first 45", messages: [] };
  assert.deepEqual(joined(kept(1, 40), emptied), emptied);
});

test("if an edit or a removal may have been missed between, only the shown messages are kept", () => {
  const now = { ...kept(4, 8), seq: 9 };
  assert.deepEqual(seqs(joined(kept(1, 5), now, 8)), [1, 2, 3, 4, 5, 6, 7, 8]); // the 9th was told
  assert.deepEqual(seqs(joined(kept(1, 5), now, 9)), [4, 5, 6, 7, 8]);
  assert.deepEqual(seqs(joined(kept(1, 5), now, 3)), [1, 2, 3, 4, 5, 6, 7, 8]); // it was here before
});

test("what is kept of a removed message goes, and what is quoted of it", () => {
  const [one, two, three] = [1, 2, 3].map((seq) => ({ seq, text: `${seq}` }));
  const record = { epoch: "e", messages: [one, two, { ...three, reply: { seq: 1, text: "1" } }] };
  const current = (message) => (message.seq === 2 ? assert.fail() : { seq: message.seq });
  assert.deepEqual(applied(record, 1, { current }).messages, [{ seq: 1 }, two, { seq: 3 }]);
});

test("at most two hundred messages are kept", () => {
  const { messages, seq } = joined(kept(1, 150), kept(100, 300));
  assert.equal(messages.length, 200);
  assert.equal(messages[0].seq, 101);
  assert.equal(seq, 300);
});

test("posts of a closed tab keep their place, their ids and their writer's key", () => {
  const store = new Store(() => new Area());
  const mine = new Queue(store, "general");
  mine.add({ type: "post", text: "mine" });
  const theirs = ["key", "another"].map((key, i) => ({
    id: `id-${i}`, text: key, at: "2026-01-01T00:00:00.000Z", key, member: null, state: "waiting",
  }));
  mine.adopt([...theirs, { damaged: true }], "key");
  mine.adopt(theirs, "key");
  assert.deepEqual(mine.all.map(({ text, state }) => [text, state]), [
    ["key", "waiting"],
    ["another", "failed"],
    ["mine", "waiting"],
  ]);
  assert.equal(mine.all[1].reason, "other_nick");
});

test("the conversation as text has a line a message, in the reader's time, and says what is left out", () => {
  process.env.TZ = "Europe/Paris";
  const strings = new Strings(
    { textLine: "[{when}] {nick} : {text}", textBegins: "Begins.", textMuted: "Muted." },
    "fr",
  );
  const message = (seq, id, text) => ({
    seq, member: { id, nick: id }, text, at: "2026-11-24T15:05:59.000Z",
  });
  const messages = [message(1, "Ann", "one\n[2026-11-24 16:06] Bob : forged"), message(2, "Bob", "{nick}")];
  const text = (given, muted) =>
    conversationText({ link: "http://chat/", messages: given, isHidden: ({ id }) => id === muted, names: new Names(strings), strings });
  assert.equal(
    text(messages),
    "http://chat/\n\n[2026-11-24 16:05] Ann : one\n    [2026-11-24 16:06] Bob : forged\n[2026-11-24 16:05] Bob : {nick}",
  );
  assert.equal(text(messages.slice(1)), "http://chat/\nBegins.\n\n[2026-11-24 16:05] Bob : {nick}");
  assert.match(text(messages, "Bob"), /^http:\/\/chat\/\nMuted\.\n\n\[.*\] Ann/);
});
