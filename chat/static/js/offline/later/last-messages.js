// Keeps the last messages of the room on this device, as they come. What is kept is a gapless
// end of the log: it can be resumed from, and the server proves what follows or says that it
// cannot.

import { readKept, writeKept } from "./kept.js";

const MOST = 200; // messages of a room
const SETTLE_MS = 500; // many come at once: they are written together

export class LastMessages {
  #name;
  #room;
  #messages;
  #timer;
  #isFollowing = false;

  constructor({ name, room, messages }) {
    this.#name = name;
    this.#room = room;
    this.#messages = messages;
  }

  read() {
    return readKept(this.#name);
  }

  // From now on; what is shown already too. A welcome came before: what was recalled has been
  // resumed from or replaced.
  follow() {
    this.#later();
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    this.#messages.on("change", () => this.#later());
    addEventListener("pagehide", () => this.#write());
  }

  #later() {
    this.#timer ??= setTimeout(() => this.#write(), SETTLE_MS);
  }

  async #write() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { epoch, seq } = this.#room.last;
    const messages = this.#messages.views.slice(-MOST).map(({ message }) => message);
    // Of a reader far up, the list does not hold the newest: what is kept would have a hole.
    if ((messages.at(-1)?.seq ?? 0) !== seq) return;
    const now = { epoch, seq, member: this.#room.member, messages };
    const whole = joined(await this.read(), now);
    await writeKept({ ...whole, room: this.#name, at: Date.now() });
  }
}

// What was kept before stays in front of what is shown now, where the two touch: a reload shows
// fewer than are kept.
export function joined(before, now) {
  const first = now.messages[0]?.seq ?? now.seq + 1;
  const touch = before?.epoch === now.epoch && before.seq >= first - 1 && before.seq <= now.seq;
  const older = touch ? before.messages.filter(({ seq }) => seq < first) : [];
  return { ...now, messages: [...older, ...now.messages].slice(-MOST) };
}
