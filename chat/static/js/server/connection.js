// Keeps one WebSocket to the server open: dials, notices when it ends, waits and dials again.
//
// Tells "open", "event" (what the server said) and "state":
//   { name: "idle" | "connecting" | "open" | "waiting" | "stopped", reason, retryAt }

import { Backoff } from "./backoff.js";
import { Socket } from "./socket.js";
import { Source } from "../base/source.js";

const ABUSE = 1008;
const RESTARTING = 1012;
const FULL = 1013;
const REMOVED = 4003;
const ENDED = 4004;
const TOO_SLOW = 4008;

const STEADY_MS = 5_000; // after a connection that lasted this long, the waits are short again
const RESTART_MS = [200, 2_000]; // random: all pages were told at the same moment
const COOL_DOWN_MS = 30_000; // after abuse: the server answers nobody of this address meanwhile
const COOLEST_MS = 300_000; // each time it happens again, the wait is twice as long
const REMOVED_MS = [500, 2_000]; // then the page asks once for how long it was put out
const LONGEST_MS = 2 ** 31 - 1; // that a timer can wait
const SPREAD = 1.5; // pages that were all told to wait so long do not come back at the same moment

export class Connection extends Source {
  #url;
  #dialled;
  #why;
  #backoff;
  #socket = null;
  #timer;
  #joinedAt = null;
  #restarting = false; // the server said so, and no connection has opened since
  #isCooling = false; // after abuse, until it joins again
  #coolDowns = 0; // how often, since a connection lasted
  #state = { name: "idle" };

  // `why()` finds out why the server refused a handshake.
  constructor(url, { why, dial = (...call) => new Socket(...call), backoff = new Backoff() }) {
    super();
    this.#url = url;
    this.#dialled = dial;
    this.#why = why;
    this.#backoff = backoff;
  }

  get state() {
    return this.#state;
  }

  start() {
    if (this.#socket) return;
    this.#dial();
  }

  send(command) {
    return this.#socket?.send(command) ?? false;
  }

  // The server let this page in. From now on this connection counts as one that worked.
  joined() {
    this.#joinedAt = Date.now();
    this.#isCooling = false;
  }

  // The network is back, or the reader looks at the page again: do not wait any longer.
  wake() {
    if (this.#state.name === "waiting" && !this.mustWait) this.#dial();
    this.check();
  }

  // The server said that this page must wait.
  get mustWait() {
    return this.#state.name === "waiting" && ["abuse", "limited", "banned"].includes(this.#state.reason);
  }

  // The line may have been cut: ask the server now.
  check() {
    if (this.#state.name === "open") this.#socket.ping();
  }

  retryNow() {
    if (this.#state.name === "waiting") this.#dial();
  }

  // The server sent something that cannot be right: leave. A new join will correct it.
  redial() {
    this.#socket?.abandon(TOO_SLOW);
  }

  // Leave, and come back in `least` ms or a little later: at most `spread` times as long.
  pause(reason, least, spread = SPREAD) {
    this.#leave();
    const backoff = this.#backoff;
    this.#wait(reason, least === undefined ? backoff.next() : backoff.between(least, least * spread));
  }

  stop(reason) {
    this.#leave();
    this.#become(reason ? { name: "stopped", reason } : { name: "idle" });
  }

  #dial() {
    clearTimeout(this.#timer);
    this.#joinedAt = null;
    this.#become({ name: "connecting" });
    const socket = this.#dialled(this.#url, {
      opened: () => {
        this.#restarting = false;
        this.#become({ name: "open" });
        this.tell("open");
      },
      received: (event) => this.tell("event", event),
      closed: (end) => {
        if (this.#socket === socket) this.#ended(end);
      },
    });
    this.#socket = socket;
  }

  #ended({ code, opened }) {
    this.#socket = null;
    const lasted = this.#joinedAt === null ? 0 : Date.now() - this.#joinedAt;
    if (lasted >= STEADY_MS) this.#backoff.reset();
    if (lasted >= COOL_DOWN_MS) this.#coolDowns = 0;
    if (code === ENDED) return this.stop("ended");
    if (code === REMOVED) return this.#wait("removed", this.#backoff.between(...REMOVED_MS));
    if (code === RESTARTING) {
      this.#restarting = true;
      return this.#wait("restarting", this.#backoff.between(...RESTART_MS));
    }
    if (code === ABUSE) this.#coolDowns += 1;
    if (code === ABUSE || (!opened && this.#isCooling)) return this.#coolDown();
    if (code === TOO_SLOW && this.#backoff.attempts === 0) {
      this.#backoff.between(0, 0);
      return this.#dial();
    }
    this.#wait(code === FULL ? "full" : opened ? "lost" : "unreachable", this.#backoff.next());
    if (!opened) this.#learnWhy();
  }

  #coolDown() {
    this.#isCooling = true;
    const least = Math.min(COOLEST_MS, COOL_DOWN_MS * 2 ** (this.#coolDowns - 1));
    this.#wait("abuse", this.#backoff.between(least, least * SPREAD));
  }

  async #learnWhy() {
    const state = this.#state;
    const reason = await this.#why();
    if (this.#state !== state || reason === "unreachable") return;
    if (reason === "full" || state.reason === "unreachable") this.#become({ ...state, reason });
  }

  #wait(reason, delay) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#dial(), Math.min(delay, LONGEST_MS));
    if (reason === "unreachable" && this.#restarting) reason = "restarting";
    this.#become({ name: "waiting", reason, retryAt: Date.now() + delay });
  }

  #leave() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.abandon();
  }

  #become(state) {
    this.#state = state;
    this.tell("state", state);
  }
}
