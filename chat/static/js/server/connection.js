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
const TOO_SLOW = 4008;

const STEADY_MS = 5_000; // after a connection that lasted this long, the waits are short again
const RESTART_MS = [200, 2_000]; // random: all pages were told at the same moment
const PENANCE_MS = [15_000, 30_000]; // the waits after abuse

export class Connection extends Source {
  #url;
  #dialled;
  #why;
  #backoff;
  #socket = null;
  #timer;
  #joinedAt = null;
  #restarting = false; // the server said so, and no connection has opened since
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
  }

  // The network is back, or the reader looks at the page again: do not wait any longer.
  wake() {
    if (this.#state.name === "waiting" && this.#state.reason !== "abuse") this.#dial();
    this.check();
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

  // Leave, and come back in `delay` ms.
  pause(reason, delay = this.#backoff.next()) {
    this.#leave();
    this.#wait(reason, delay);
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
    if (this.#joinedAt !== null && Date.now() - this.#joinedAt >= STEADY_MS) this.#backoff.reset();
    if (code === REMOVED) return this.stop("removed");
    if (code === RESTARTING) {
      this.#restarting = true;
      return this.#wait("restarting", this.#backoff.between(...RESTART_MS));
    }
    if (code === ABUSE) return this.#wait("abuse", this.#backoff.between(...PENANCE_MS));
    if (code === TOO_SLOW && this.#backoff.attempts === 0) {
      this.#backoff.between(0, 0);
      return this.#dial();
    }
    this.#wait(code === FULL ? "full" : opened ? "lost" : "unreachable", this.#backoff.next());
    if (!opened) this.#learnWhy();
  }

  async #learnWhy() {
    const state = this.#state;
    const reason = await this.#why();
    if (this.#state === state && reason === "full") this.#become({ ...state, reason });
  }

  #wait(reason, delay) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#dial(), delay);
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
