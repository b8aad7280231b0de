// Sends what is in the queue, in order. Sends each item again until its answer comes, with the same
// id and under the same key, so that it is done once.

import { commandOf } from "./queue.js";
import { Backoff } from "../server/backoff.js";

const IN_FLIGHT = 20;
const ANSWER_MS = 15_000; // without any answer; then the items are sent again

const TEMPORARY = new Set(["rate_limited", "storage_unavailable", "join_first", "too_soon"]);

export class Sender {
  #queue;
  #send;
  #giveBack;
  #me = null; // { key, member } while joined
  #inFlight = new Set();
  #most = IN_FLIGHT; // fewer after a refusal, so that the server need not refuse twenty at once
  #pause = null; // { reason, until } while it sends nothing, because an item was refused for now
  #timer;
  #backoff;

  // `send(command)` says whether it could send. `giveBack(post, { reason, until })` may take a post
  // that was refused back into the composer, and says whether it did.
  constructor(queue, send, { giveBack = () => false, backoff = new Backoff() } = {}) {
    this.#queue = queue;
    this.#send = send;
    this.#giveBack = giveBack;
    this.#backoff = backoff;
    queue.on("change", () => this.#pump());
  }

  joined(key, member) {
    this.#me = { key, member };
    this.#queue.claim(key);
  }

  out() {
    this.#me = null;
    this.#pause = null;
    this.#inFlight.clear();
    clearTimeout(this.#timer);
  }

  // An entry of the log came, or another event with an id. It may be the answer to what was sent.
  answered(entry) {
    const wasSent = this.#inFlight.delete(entry.id);
    const ids = this.#queue.settle(entry);
    for (const id of ids) this.#inFlight.delete(id);
    if (!wasSent && ids.length === 0) return;
    this.#most = Math.min(IN_FLIGHT, this.#most + 1);
    this.#backoff.reset();
    this.#pump();
  }

  refused({ id, code, retry_after }) {
    this.#inFlight.delete(id);
    const item = this.#queue.find(id);
    if (!item) return;
    this.#queue.refuse(item);
    const left = retry_after === undefined ? undefined : retry_after * 1000;
    const until = left === undefined ? undefined : Date.now() + left;
    if (item.type === "post" && item.open === 0 && this.#giveBack(item, { reason: code, until })) {
      return this.#queue.drop(id);
    }
    if (!TEMPORARY.has(code)) return this.#queue.fail(id, code, until);
    this.#wait(item, code, left ?? this.#backoff.next());
  }

  #wait(item, reason, wait) {
    this.#most = 1;
    this.#pause = { reason, until: Date.now() + wait };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#pause = null;
      this.#queue.resume();
    }, wait);
    this.#queue.delay([item], this.#pause);
  }

  // One refused item holds up all: those behind it must not overtake it.
  #hold() {
    const waiting = this.#queue.all.filter(
      ({ id, state, reason }) => state === "waiting" && !reason && !this.#inFlight.has(id),
    );
    if (waiting.length > 0) this.#queue.delay(waiting, this.#pause);
  }

  #pump() {
    if (this.#pause) return this.#hold();
    if (!this.#me) return;
    for (const item of [...this.#queue.all]) {
      if (this.#inFlight.size >= this.#most) break;
      if (item.state !== "waiting" || this.#inFlight.has(item.id)) continue;
      this.#queue.sign(item, this.#me);
      if (!this.#send(commandOf(item))) {
        this.#queue.unsign(item);
        break;
      }
      this.#inFlight.add(item.id);
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
