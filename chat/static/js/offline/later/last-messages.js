// Keeps the last messages of the room on this device, as they come. They are a gapless end of the
// log, so the page can resume from them: the server gives exactly what follows, or says that it
// cannot.

import { readKept, writeKept } from "./kept.js";

const MOST = 200; // messages of a room
const SETTLE_MS = 500; // messages that come within this time are written together

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

  // Keep messages from now on, and those that are shown already. This is called after a welcome:
  // by then, the recalled messages were resumed from or replaced.
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
    // If the reader is far up, the list lacks the newest messages: the record would have a hole.
    if ((messages.at(-1)?.seq ?? 0) !== seq) return;
    const now = { epoch, seq, member: this.#room.member, messages };
    const whole = joined(await this.read(), now);
    await writeKept({ ...whole, room: this.#name, at: Date.now() });
  }
}

// Gives the messages kept before, followed by those shown now, if there is no gap between them. It
// keeps both because a page that is reloaded shows fewer messages than are kept.
export function joined(before, now) {
  const first = now.messages[0]?.seq ?? now.seq + 1;
  const touch = before?.epoch === now.epoch && before.seq >= first - 1 && before.seq <= now.seq;
  const older = touch ? before.messages.filter(({ seq }) => seq < first) : [];
  return { ...now, messages: [...older, ...now.messages].slice(-MOST) };
}
