// What was written or asked here and is not yet known to be in the log: posts, edits, removals and
// pins, in one order. It is kept for the tab, so that a reload loses nothing.
//
// An item: { id, type, at, key, member, open, state: "waiting" | "failed", reason, until }, and
// - a "post" has `text`, and `reply` if it is an answer: { seq, member, text };
// - an "edit" has `target` (the message's seq) and `text`;
// - a "remove" has `target`, or `post` (the id of a post that may have been sent), `text` and `reply`;
// - a "pin" has `target`, or null.
// Its key and its member are null until it is first sent. `open` says how often it was sent without
// an answer: it may be in the log exactly if that is not 0. An item that was refused has a `reason`,
// and `until` if it is known when it may be sent again.

import { makeId } from "../base/ids.js";
import { Source } from "../base/source.js";

const MOST = 100; // when so many items wait, a new text stays in the composer

const TYPES = new Set(["post", "edit", "remove", "pin"]);

export class Queue extends Source {
  #store;
  #name;
  #items;

  constructor(store, room) {
    super();
    this.#store = store;
    this.#name = `posts:${room}`;
    const kept = store.read(this.#name, (value) => Array.isArray(value) && value.every(isItem));
    this.#items = (kept ?? []).map(whole);
  }

  get all() {
    return this.#items;
  }

  // What is shown below the log: posts, and posts that are being taken back.
  get posts() {
    return this.#items.filter(({ type, target }) => type === "post" || (type === "remove" && !target));
  }

  get isFull() {
    return this.#items.length >= MOST;
  }

  // What waits for a message, by its seq. The last one decides how it is shown.
  of(seq) {
    return this.#items.filter(({ type, target }) => target === seq && type !== "pin");
  }

  // Gives the new item. What waits for the same message and has never left is replaced.
  add(asked) {
    const at = new Date().toISOString();
    const item = whole({ id: makeId(), at, key: null, member: null, state: "waiting", ...asked });
    if (item.type !== "post") this.#items = this.#items.filter((each) => !isReplaced(each, item));
    this.#items.push(item);
    this.#changed();
    return item;
  }

  // Take over the items of a closed tab. They keep the key under which they were written.
  adopt(items, key) {
    const others = items.filter((item) => isItem(item) && !this.find(item.id)).map(whole);
    this.#items = [...others, ...this.#items];
    if (key === null) this.#changed();
    else this.claim(key);
  }

  find(id) {
    return this.#items.find((item) => item.id === id);
  }

  // What was sent under another key may be in the log already. Under this key it would be done a
  // second time, so its writer decides.
  claim(key) {
    for (const item of this.#items) {
      if (item.key !== null && item.key !== key) fail(item, "other_nick");
      else if (item.state === "waiting" || item.reason === "other_nick") wait(item);
    }
    this.#changed();
  }

  // Note whose item it is before it is sent: after a reload the page must still know.
  sign(item, { key, member }) {
    Object.assign(item, { key, member, open: item.open + 1 });
    this.#save();
  }

  // It did not go after all.
  unsign(item) {
    answer(item);
    this.#save();
  }

  // The member's own entry, or `done`, answers what it asked for. Gives the ids of the items that this one
  // settles. A post that is being taken back may only now become a message: then its removal goes on
  // at that message.
  settle(entry) {
    const isMine = ({ member }) => !entry.member || member === entry.member.id; // `done` names nobody
    const settled = this.#items.filter((item) => isMine(item) && isSettled(item, entry));
    const late = this.#items.filter(
      (item) => isMine(item) && item.post === entry.id && entry.type === "message" && !item.target,
    );
    if (settled.length === 0 && late.length === 0) return [];
    for (const item of late) item.target = entry.seq;
    this.#items = this.#items.filter((item) => !settled.includes(item));
    this.#changed();
    return settled.map(({ id }) => id);
  }

  // These items will be sent at `until`. `reason` says why they wait.
  delay(items, { reason, until }) {
    for (const item of items) Object.assign(item, { reason, until });
    this.#changed();
  }

  // What was refused for now is sent again.
  resume() {
    this.#items.filter(({ state }) => state === "waiting").forEach(wait);
    this.#changed();
  }

  // The server refused an item: as far as that is known, it is not in the log.
  refuse(item) {
    answer(item);
    if (item.open === 0) Object.assign(item, { key: null, member: null });
  }

  fail(id, reason, until) {
    fail(this.find(id), reason, until);
    this.#changed();
  }

  // Under another key it is done anew, so it gets a new id. An answer to what is gone becomes a
  // message of its own.
  retry(id) {
    const item = this.find(id);
    if (item.type === "post" && item.reason === "target_unknown") delete item.reply;
    const isAnothers = item.reason === "other_nick";
    if (isAnothers) Object.assign(item, { id: makeId(), key: null, member: null, open: 0 });
    wait(item);
    this.#changed();
  }

  // Another text for a post that has never left.
  change(id, text) {
    const item = this.find(id);
    if (!item || item.open > 0) return false;
    item.text = text;
    this.retry(id);
    return true;
  }

  // The log is another one now, in which a number may be another message's.
  loseTargets() {
    for (const item of this.#items) {
      if (item.reply || (item.target && !item.post)) fail(item, "target_unknown");
    }
    this.#changed();
  }

  drop(id) {
    this.#items = this.#items.filter((item) => item.id !== id);
    this.#changed();
  }

  // A post that never left is dropped. One that may have left is removed by its id: until the server
  // says so, it is not gone.
  takeBack(id) {
    const post = this.find(id);
    if (post.open === 0 || post.reason === "other_nick") return this.drop(id);
    const { at, key, member, text, reply } = post;
    const removal = { id: makeId(), type: "remove", post: id, at, key, member, text, reply };
    const item = { ...removal, state: "waiting", open: 0 };
    this.#items[this.#items.indexOf(post)] = item;
    this.#changed();
  }

  #changed() {
    this.#save();
    this.tell("change", this.#items);
  }

  #save() {
    this.#store.write(this.#name, this.#items);
  }
}

// Gives the command that asks for what an item says.
export function commandOf({ id, type, text, reply, target, post }) {
  if (type === "post") return { type, id, text, reply: reply?.seq };
  if (type === "edit") return { type, id, target, text };
  if (type === "remove") return post ? { type, id, post } : { type, id, target };
  return { type, id, target };
}

// A removed message answers its post too, and a post that never was one has an entry of its own.
function isSettled(item, entry) {
  if (item.id === entry.id) return true;
  if (item.type !== "remove" || item.post !== entry.id) return false;
  return entry.type === "removed" || entry.removed === true;
}

function isReplaced(before, { type, target }) {
  if (before.type === "post" || before.target !== target) return false;
  if ((before.type === "pin") !== (type === "pin")) return false;
  return before.open === 0 || before.state === "failed";
}

function answer(item) {
  item.open = Math.max(0, item.open - 1);
}

function wait(item) {
  item.state = "waiting";
  delete item.reason;
  delete item.until;
}

function fail(item, reason, until) {
  item.state = "failed";
  item.reason = reason;
  if (until === undefined) delete item.until;
  else item.until = until;
}

// An older page kept posts only, and did not count how often they were sent.
function whole(item) {
  return { ...item, type: item.type ?? "post", open: item.open ?? (item.key ? 1 : 0) };
}

function isItem(value) {
  const type = value?.type ?? "post";
  return (
    typeof value?.id === "string" &&
    TYPES.has(type) &&
    (type === "post" || type === "edit" ? typeof value.text === "string" : true) &&
    Number.isFinite(Date.parse(value.at)) &&
    (value.state === "waiting" || value.state === "failed")
  );
}
