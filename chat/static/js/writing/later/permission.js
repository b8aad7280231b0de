// Knows whether this member may write now, from what the server says of the room, and says it above
// the composer before anybody presses « Send ».

import { LONG_WAIT_MS, TICK_MS, waitUntil } from "../../base/dates.js";

export class Permission {
  #line;
  #room;
  #strings;
  #spoken;
  #paceEnds = 0;
  #refusal = null; // { reason, until }: what the server said last
  #timer;

  // `spoken`: what a screen reader speaks; the line counts seconds.
  constructor({ line, room, strings, spoken }) {
    this.#line = line;
    this.#room = room;
    this.#strings = strings;
    this.#spoken = spoken;
    for (const news of ["welcome", "rules", "muted"]) room.on(news, () => this.#changed());
    room.on("message", ({ member }, { fresh }) => fresh && member.id === room.member.id && this.#posted());
    this.#draw();
  }

  // A post was refused. Says whether the reason is one that this line says.
  refuse({ reason, until }) {
    if (!["muted", "read_only", "too_soon"].includes(reason)) return false;
    if (reason === "too_soon") this.#paceEnds = until ?? 0;
    else this.#refusal = { reason, until };
    this.#draw();
    return true;
  }

  // Whether a post would be refused now. Then the line draws the eye.
  isRefused() {
    const { reason } = this.#now();
    if (!reason) return false;
    this.#line.hidden = false;
    this.#draw();
    this.#line.classList.remove("again");
    void this.#line.offsetWidth; // so that its animation begins again
    this.#line.classList.add("again");
    this.#spoken.textContent = this.#line.textContent;
    return true;
  }

  // Gives { reason, until }, or {}.
  #now() {
    const { owner, rules, muted } = this.#room.standing;
    if (owner) return {};
    const mutedUntil = muted ? Date.parse(muted) : 0;
    if (mutedUntil > Date.now()) return { reason: "muted", until: mutedUntil };
    if (rules?.write === "owners") return { reason: "read_only" };
    if (this.#refusal && !(this.#refusal.until <= Date.now())) return this.#refusal;
    if (this.#paceEnds > Date.now()) return { reason: "too_soon", until: this.#paceEnds };
    return {};
  }

  #posted() {
    const { owner, rules } = this.#room.standing;
    this.#refusal = null;
    this.#paceEnds = rules?.pace_s && !owner ? Date.now() + rules.pace_s * 1000 : 0;
    this.#draw();
  }

  // What the server says now counts, and not what it said before.
  #changed() {
    this.#refusal = null;
    if (!this.#room.standing.rules?.pace_s) this.#paceEnds = 0;
    this.#draw();
  }

  // A pause of a moment needs no words.
  #draw() {
    clearTimeout(this.#timer);
    const { reason, until } = this.#now();
    const left = until - Date.now();
    const isSaid = reason !== undefined && !(reason === "too_soon" && left < LONG_WAIT_MS && this.#line.hidden);
    const words = isSaid ? this.#words(reason, until) : "";
    if (isSaid && this.#line.hidden) this.#spoken.textContent = words;
    this.#line.hidden = !isSaid;
    this.#line.textContent = words;
    if (until) this.#timer = setTimeout(() => this.#draw(), Math.max(50, Math.min(left, TICK_MS)));
  }

  #words(reason, until) {
    const wait = until ? waitUntil(until) : "";
    if (reason === "muted") return this.#strings.say(wait ? "cannotMuted" : "cannotMutedOpen", { wait });
    return this.#strings.say(reason === "read_only" ? "cannotReadOnly" : "cannotTooSoon", { wait });
  }
}
