// Says in words what state the connection is in. Says nothing while the connection works.

import { waitUntil } from "../base/dates.js";

const TICK_MS = 250;
const PATIENCE_MS = 400; // a connection that opens faster than this needs no sentence
const RESUMED_MS = 3_000;

// The sentence about each reason for which the page does not come back by itself.
const STOPPED = { banned: "stateBanned", locked: "stateLocked" };

export class StateLine {
  #line;
  #words;
  #spoken;
  #button;
  #strings;
  #dates;
  #timer;
  #state = { name: "idle" };
  #joined = false;
  #wasIn = false;

  constructor({ line, spoken, button, strings, dates, retryNow }) {
    this.#line = line;
    this.#words = line.querySelector(".state-words");
    this.#spoken = spoken;
    this.#button = button;
    this.#strings = strings;
    this.#dates = dates;
    button.addEventListener("click", retryNow);
    for (const name of ["online", "offline"]) addEventListener(name, () => this.#draw());
  }

  // The connection has a new state.
  set(state) {
    this.#state = state;
    this.#joined = false;
    this.#draw();
  }

  // The page joined the room, for the first time or again.
  joined() {
    const again = this.#wasIn && !this.#line.hidden;
    this.#joined = true;
    this.#wasIn = true;
    clearInterval(this.#timer);
    this.#button.hidden = true;
    this.#line.dataset.state = "joined";
    if (!again) return this.#hide();
    this.#write(this.#strings.say("stateResumed"));
    this.#timer = setTimeout(() => this.#hide(), RESUMED_MS);
  }

  // The nick was refused. The form says why, and the page waits for nothing.
  refused() {
    clearInterval(this.#timer);
    this.#hide();
  }

  #draw() {
    if (this.#joined) return;
    clearInterval(this.#timer);
    const { name } = this.#state;
    this.#line.dataset.state = name;
    this.#button.hidden = name !== "waiting" || this.#state.reason === "removed";
    if (name === "idle") this.#hide();
    else if (this.#state.reason === "ended") this.#end();
    else if (name === "stopped") this.#write(this.#sentence());
    else if (name === "waiting") {
      this.#write(this.#sentence());
      this.#timer = setInterval(() => this.#tick(), TICK_MS);
    } else if (this.#line.hidden) {
      this.#timer = setTimeout(() => this.#write(this.#sentence()), PATIENCE_MS);
    } else this.#write(this.#sentence());
  }

  #sentence() {
    const { name, reason } = this.#state;
    if (name === "stopped") return this.#strings.say(STOPPED[reason] ?? "stateRemoved");
    if (name !== "waiting") return this.#strings.say("stateConnecting");
    if (reason === "removed") return this.#strings.say("stateRemoved");
    return `${this.#strings.say(this.#cause(reason))} ${this.#next()}`;
  }

  #cause(reason) {
    if (!navigator.onLine) return "stateOffline";
    const causes = {
      restarting: "stateRestarting",
      full: "stateFull",
      abuse: "stateAbuse",
      limited: "stateLimited",
      refused: "stateRefused",
      storage: "stateStorage",
      removed: "stateRemoved",
      banned: "stateBanned",
      unreachable: this.#wasIn ? "stateLost" : "stateUnreachable",
    };
    return causes[reason] ?? "stateLost";
  }

  #next() {
    const { reason, retryAt } = this.#state;
    if (reason !== "banned") return this.#strings.say("stateRetry", { wait: waitUntil(retryAt) });
    return this.#strings.say("stateBannedFor", { wait: this.#dates.lasting(retryAt - Date.now()) });
  }

  // Only the visible sentence counts seconds: a screen reader would read each one aloud.
  #tick() {
    this.#words.textContent = this.#sentence();
  }

  #write(sentence) {
    this.#line.hidden = false;
    this.#words.textContent = sentence;
    const { name, reason } = this.#state;
    const counts = name === "waiting" && reason !== "banned" && !this.#joined;
    const spoken = counts ? this.#strings.say(this.#cause(reason)) : sentence;
    if (this.#spoken.textContent !== spoken) this.#spoken.textContent = spoken;
  }

  // The page says it where the composer was.
  #end() {
    this.#hide();
    this.#spoken.textContent = this.#strings.say("stateEnded");
  }

  #hide() {
    this.#line.hidden = true;
    this.#spoken.textContent = "";
  }
}
