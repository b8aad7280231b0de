// Sends posts in order. Sends each again until its message comes back, with the same id and under
// the same key, so that the log takes it once.

import { Backoff } from "../server/backoff.js";

const IN_FLIGHT = 20;
const ANSWER_MS = 15_000; // without any answer; then the posts are sent again

const TEMPORARY = new Set(["rate_limited", "storage_unavailable", "join_first"]);

export class Sender {
  #posts;
  #send;
  #me = null; // { key, member } while joined
  #inFlight = new Set();
  #paused = false;
  #timer;
  #backoff;

  // `send(id, text)` says whether it could send.
  constructor(posts, send, backoff = new Backoff()) {
    this.#posts = posts;
    this.#send = send;
    this.#backoff = backoff;
    posts.on("change", () => this.#pump());
  }

  joined(key, member) {
    this.#me = { key, member };
    this.#posts.claim(key);
  }

  out() {
    this.#me = null;
    this.#paused = false;
    this.#inFlight.clear();
    clearTimeout(this.#timer);
  }

  settled(id) {
    this.#inFlight.delete(id);
    this.#backoff.reset();
    this.#pump();
  }

  refused({ id, code, retry_after }) {
    this.#inFlight.delete(id);
    if (!this.#posts.find(id)) return;
    if (!TEMPORARY.has(code)) return this.#posts.fail(id, code);
    this.#pause(retry_after === undefined ? this.#backoff.next() : retry_after * 1000);
    this.#posts.delay(id, code);
  }

  // One refused post holds up all posts: those behind it must not overtake it.
  #pause(ms) {
    this.#paused = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#paused = false;
      this.#pump();
    }, ms);
  }

  #pump() {
    if (!this.#me || this.#paused) return;
    for (const post of this.#posts.all) {
      if (this.#inFlight.size >= IN_FLIGHT) break;
      if (post.state !== "waiting" || this.#inFlight.has(post.id)) continue;
      this.#posts.sign(post, this.#me);
      if (!this.#send(post.id, post.text)) break;
      this.#inFlight.add(post.id);
    }
    this.#expect();
  }

  #expect() {
    clearTimeout(this.#timer);
    if (this.#inFlight.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#inFlight.clear();
      this.#pump();
    }, ANSWER_MS);
  }
}
