// The posts that were written here and are not yet known to be in the log. They are kept for the
// tab, so that a reload loses nothing.
//
// A post: { id, text, at, key, member, state: "waiting" | "failed", reason }. Its key and its
// member are null until it is first sent. A post that waits because one was refused has `until`, the time
// at which it is sent again, if that is known.

import { makeId } from "../base/ids.js";
import { Source } from "../base/source.js";

const MOST = 100; // when so many posts wait, a new text stays in the composer

export class Posts extends Source {
  #store;
  #name;
  #posts;

  constructor(store, room) {
    super();
    this.#store = store;
    this.#name = `posts:${room}`;
    this.#posts = store.read(this.#name, (value) => Array.isArray(value) && value.every(isPost)) ?? [];
  }

  get all() {
    return this.#posts;
  }

  get isFull() {
    return this.#posts.length >= MOST;
  }

  add(text) {
    const at = new Date().toISOString();
    this.#posts.push({ id: makeId(), text, at, key: null, member: null, state: "waiting" });
    this.#changed();
  }

  // Take over the posts of a closed tab. They keep the key under which they were written.
  adopt(posts, key) {
    const others = posts.filter((post) => isPost(post) && !this.find(post.id));
    this.#posts = [...others, ...this.#posts];
    if (key === null) this.#changed();
    else this.claim(key);
  }

  find(id) {
    return this.#posts.find((post) => post.id === id);
  }

  // A post that was sent under another key may be in the log already. Under this key it would
  // become a second message, so its writer decides.
  claim(key) {
    for (const post of this.#posts) {
      if (post.key !== null && post.key !== key) fail(post, "other_nick");
      else if (post.state === "waiting" || post.reason === "other_nick") wait(post);
    }
    this.#changed();
  }

  // Note whose post it is before it is sent: after a reload the page must still know.
  sign(post, { key, member }) {
    Object.assign(post, { key, member });
    this.#save();
  }

  // The sender's own message acknowledges its post. Says whether this message did.
  settle(message) {
    const index = this.#posts.findIndex(
      (post) => post.id === message.id && post.member === message.member.id,
    );
    if (index < 0) return false;
    this.#posts.splice(index, 1);
    this.#changed();
    return true;
  }

  // These posts will be sent at `until`. `reason` says why they wait.
  delay(posts, { reason, until }) {
    for (const post of posts) Object.assign(post, { reason, until });
    this.#changed();
  }

  // What was refused for now is sent again.
  resume() {
    this.#posts.filter(({ state }) => state === "waiting").forEach(wait);
    this.#changed();
  }

  fail(id, reason) {
    fail(this.find(id), reason);
    this.#changed();
  }

  // Under another key the post becomes a new message, so it gets a new id.
  retry(id) {
    const post = this.find(id);
    const isAnothers = post.reason === "other_nick";
    if (isAnothers) Object.assign(post, { id: makeId(), key: null, member: null });
    wait(post);
    this.#changed();
  }

  drop(id) {
    this.#posts = this.#posts.filter((post) => post.id !== id);
    this.#changed();
  }

  #changed() {
    this.#save();
    this.tell("change", this.#posts);
  }

  #save() {
    this.#store.write(this.#name, this.#posts);
  }
}

function wait(post) {
  post.state = "waiting";
  delete post.reason;
  delete post.until;
}

function fail(post, reason) {
  post.state = "failed";
  post.reason = reason;
}

function isPost(value) {
  return (
    typeof value?.id === "string" &&
    typeof value.text === "string" &&
    Number.isFinite(Date.parse(value.at)) &&
    (value.state === "waiting" || value.state === "failed")
  );
}
