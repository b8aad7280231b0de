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
  #most = IN_FLIGHT; // fewer after a refusal, so that the server need not refuse twenty at once
  #pause = null; // { reason, until } while it sends nothing, because a post was refused for now
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
    this.#pause = null;
    this.#inFlight.clear();
    clearTimeout(this.#timer);
  }

  settled(id) {
    this.#inFlight.delete(id);
    this.#most = Math.min(IN_FLIGHT, this.#most + 1);
    this.#backoff.reset();
    this.#pump();
  }

  refused({ id, code, retry_after }) {
    this.#inFlight.delete(id);
    const post = this.#posts.find(id);
    if (!post) return;
    if (!TEMPORARY.has(code)) return this.#posts.fail(id, code);
    const wait = retry_after === undefined ? this.#backoff.next() : retry_after * 1000;
    this.#most = 1;
    this.#pause = { reason: code, until: Date.now() + wait };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#pause = null;
      this.#posts.resume();
    }, wait);
    this.#posts.delay([post], this.#pause);
  }

  // One refused post holds up all posts: those behind it must not overtake it.
  #hold() {
    const waiting = this.#posts.all.filter(
      ({ id, state, reason }) => state === "waiting" && !reason && !this.#inFlight.has(id),
    );
    if (waiting.length > 0) this.#posts.delay(waiting, this.#pause);
  }

  #pump() {
    if (this.#pause) return this.#hold();
    if (!this.#me) return;
    for (const post of this.#posts.all) {
      if (this.#inFlight.size >= this.#most) break;
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
