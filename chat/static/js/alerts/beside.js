// Knows the other tabs in which this browser shows the same room, under whatever nick: they have
// one reader. While the reader looks at one of them, the others count nothing and stay quiet.
// While they look elsewhere, one tab rings for all. Tells "ring" (alert) in that tab.
//
// The browser's locks say who does what, because they end with their tab, however it ends. Without
// locks (on http in a local network) each tab counts and rings by itself.

import { openChannel } from "../base/channel.js";
import { isLookedAt } from "../base/looked-at.js";
import { Source } from "../base/source.js";

const KINDS = ["sound", "notify"];

export class Beside extends Source {
  #reading;
  #mine;
  #release = null; // while this tab is looked at
  #bell;
  #isBell = !navigator.locks; // this tab rings
  #leave = null; // while this tab rings, or waits until it is its turn
  #channel = null;
  #rung = {}; // the seq of the last message, for each kind of alert

  // `place`: the path of the chat and the room; `tab`: this tab's id.
  constructor(place, tab) {
    super();
    this.#reading = `tchat:reading:${place}:`;
    this.#mine = this.#reading + tab;
    this.#bell = `tchat:bell:${place}`;
    if (!navigator.locks) return;
    this.#channel = openChannel(this.#bell);
    if (this.#channel) this.#channel.onmessage = ({ data }) => this.#isBell && this.#ring(data);
    for (const event of ["focus", "blur"]) addEventListener(event, () => this.#look());
    document.addEventListener("visibilitychange", () => this.#look());
    addEventListener("pageshow", ({ persisted }) => persisted && this.#begin());
    addEventListener("pagehide", () => this.#end());
    this.#begin();
  }

  // Whether the reader looks at the room in another tab.
  async isRead() {
    if (!navigator.locks) return false;
    try {
      const { held } = await navigator.locks.query();
      return held.some(({ name }) => name.startsWith(this.#reading) && name !== this.#mine);
    } catch {
      return false; // this page may not use locks
    }
  }

  // This tab wants to alert the reader: { message, sound, notify }. So may another tab, which has
  // another nick: only one of them may be mentioned.
  ring(alert) {
    if (this.#isBell || !this.#channel) this.#ring(alert);
    else this.#channel.postMessage(alert);
  }

  // The log is another: its numbers begin again.
  forget() {
    this.#rung = {};
  }

  #ring(alert) {
    const { seq } = alert.message;
    const wanted = KINDS.filter((kind) => alert[kind] && !(this.#rung[kind] >= seq));
    for (const kind of wanted) this.#rung[kind] = seq;
    const fresh = Object.fromEntries(KINDS.map((kind) => [kind, wanted.includes(kind)]));
    if (wanted.length > 0) this.tell("ring", { ...alert, ...fresh });
  }

  #begin() {
    this.#leave = hold(this.#bell, () => (this.#isBell = true));
    this.#look();
  }

  // A page that sleeps in the browser's cache must not keep the others quiet.
  #end() {
    this.#isBell = false;
    this.#leave?.();
    this.#look(false);
  }

  #look(isRead = isLookedAt()) {
    if (isRead) this.#release ??= hold(this.#mine);
    else {
      this.#release?.();
      this.#release = null;
    }
  }
}

// Asks for a lock and keeps it. Gives a function that lets go of it, also while it is asked for.
function hold(name, got) {
  let release;
  const end = new Promise((done) => (release = done));
  const granted = () => {
    got?.();
    return end;
  };
  navigator.locks.request(name, granted).catch(granted); // may fail: this page may not use locks
  return release;
}
