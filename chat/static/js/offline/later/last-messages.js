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
  #history;
  #timer;
  #isFollowing = false;

  constructor({ name, room, messages, history }) {
    this.#name = name;
    this.#room = room;
    this.#messages = messages;
    this.#history = history;
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
    // If the reader is far up, the list lacks the newest messages: the record would have a hole.
    if (this.#history.isBehind) return;
    const { epoch, seq, at: seenAt } = this.#room.last;
    const messages = this.#messages.views.slice(-MOST).map(({ message }) => message);
    const now = { epoch, seq, seenAt, member: this.#room.member, messages };
    const whole = joined(await this.read(), now);
    await writeKept({ ...whole, room: this.#name, at: Date.now() });
  }
}

// Gives the messages kept before, followed by those shown now, if both are of one history. It keeps
// both because a page that is reloaded shows fewer messages than are kept. The proof is the last
// message kept before: it must be shown now, with the same time. A log that was put back from an
// older copy has another message there, or none.
export function joined(before, now) {
  const last = before?.messages.at(-1);
  const same = now.messages.find(({ seq }) => seq === last?.seq);
  const isProved = before?.epoch === now.epoch && same !== undefined && same.at === last.at;
  const older = isProved ? before.messages.filter(({ seq }) => seq < now.messages[0].seq) : [];
  return { ...now, messages: [...older, ...now.messages].slice(-MOST) };
}
