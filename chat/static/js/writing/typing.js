// Tells others that this member is writing, at most every few seconds. Shows for a few seconds who
// else is writing. A reader can switch both off.

import { isolate } from "../base/strings.js";

const TELL_MS = 3_000;
const SHOWN_MS = 5_000;
const NAMED = 2; // more are « several people »

export class Typing {
  #room;
  #line;
  #strings;
  #settings;
  #muted;
  #names;
  #toldAt = -Infinity;
  #writers = new Map(); // member id → { nick, timer }

  constructor({ room, line, strings, settings, muted, names }) {
    this.#room = room;
    this.#line = line;
    this.#strings = strings;
    this.#settings = settings;
    this.#muted = muted;
    this.#names = names;
    room.on("typing", ({ member }) => this.#started(member));
    room.on("typing refused", ({ retry_after }) => this.#wait(retry_after));
    room.on("left", ({ member }) => this.stopped(member));
    room.on("message", ({ member }) => this.stopped(member));
    room.on("out", () => this.#stopAll());
    settings.on("change", () => settings.get("typing") || this.#stopAll());
  }

  // This member wrote something.
  typed() {
    if (!this.#settings.get("typing") || performance.now() - this.#toldAt < TELL_MS) return;
    if (this.#room.typing()) this.#toldAt = performance.now();
  }

  // Nobody needs to know that this was refused: others see it a little later.
  #wait(seconds = 0) {
    this.#toldAt = performance.now() + seconds * 1000;
  }

  stopped({ id }) {
    clearTimeout(this.#writers.get(id)?.timer);
    if (this.#writers.delete(id)) this.#show();
  }

  #stopAll() {
    for (const id of [...this.#writers.keys()]) this.stopped({ id });
  }

  #started(member) {
    if (member.id === this.#room.member.id || this.#muted.has(member.id)) return;
    if (!this.#settings.get("typing")) return;
    clearTimeout(this.#writers.get(member.id)?.timer);
    const timer = setTimeout(() => this.stopped(member), SHOWN_MS);
    this.#writers.set(member.id, { nick: isolate(this.#names.text(member)), timer });
    this.#show();
  }

  #show() {
    const nicks = [...this.#writers.values()].map(({ nick }) => nick);
    this.#line.textContent = this.#sentence(nicks);
  }

  #sentence(nicks) {
    if (nicks.length === 0) return "";
    if (nicks.length > NAMED) return this.#strings.say("typingSeveral");
    if (nicks.length === 1) return this.#strings.say("typingOne", { nick: nicks[0] });
    return this.#strings.say("typingTwo", { nick: nicks[0], other: nicks[1] });
  }
}
