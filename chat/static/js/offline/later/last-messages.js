// Keeps the last messages of the room on this device, as they come. They are a gapless end of the
// log, so the page can resume from them: the server gives exactly what follows, or says that it
// cannot.

import { changeKept, dropKept, readKept } from "./kept.js";

const MOST = 200; // messages of a room
const SETTLE_MS = 500; // messages that come within this time are written together

export class LastMessages {
  #name;
  #room;
  #messages;
  #history;
  #timer;
  #isFollowing = false;
  #isOver = false;
  #since = 0; // every entry after this seq was told to this page

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
  // by then, the recalled messages were resumed from or replaced. `since`: every entry after this
  // seq was told to this page.
  follow(since) {
    this.#since = since;
    this.#later();
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    this.#messages.on("change", () => this.#later());
    // Not in vain: WebKit keeps the store from other pages while one that is gone is changing it.
    addEventListener("pagehide", () => this.#timer && this.#write());
  }

  // A message was edited or removed. What is kept of it changes at once, shown or not.
  change(seq) {
    void changeKept(this.#name, (record) => record && applied(record, seq, this.#room));
  }

  // The room has ended: nothing of it is kept from now on.
  async end() {
    this.#isOver = true;
    await dropKept(this.#name);
  }

  #later() {
    this.#timer ??= setTimeout(() => this.#write(), SETTLE_MS);
  }

  async #write() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // If the reader is far up, the list lacks the newest messages: the record would have a hole.
    if (this.#history.isBehind || this.#isOver) return;
    const { epoch, seq, at: seenAt } = this.#room.last;
    const messages = this.#messages.views.slice(-MOST).map(({ message }) => message);
    const now = { epoch, seq, seenAt, member: this.#room.member, messages };
    const since = this.#since;
    await changeKept(this.#name, (before) => ({
      ...joined(before, now, since),
      room: this.#name,
      at: Date.now(),
    }));
  }
}

// Gives the messages kept before, followed by those shown now, if both are of one history. It keeps
// both because a page that is reloaded shows fewer messages than are kept. The proof is the last
// message kept before: it must be shown now, with the same time. A log that was put back from an
// older copy has another message there, or none.
//
// And no edit or removal may have been missed between: every entry after what was kept, up to
// `since`, must be a message that is shown.
export function joined(before, now, since = now.seq) {
  const last = before?.messages.at(-1);
  const same = now.messages.find(({ seq }) => seq === last?.seq);
  const isProved = before?.epoch === now.epoch && same !== undefined && same.at === last.at;
  const shown = now.messages.filter(({ seq }) => seq > before?.seq && seq <= since);
  const isTold = isProved && shown.length >= since - before.seq;
  const older = isTold ? before.messages.filter(({ seq }) => seq < now.messages[0].seq) : [];
  return { ...now, messages: [...older, ...now.messages].slice(-MOST) };
}

// Gives a record in which the message with this seq, and the line above each answer to it, are as
// `room` knows them.
export function applied(record, seq, room) {
  const messages = record.messages.map((message) =>
    message.seq === seq || message.reply?.seq === seq ? room.current(message) : message,
  );
  return { ...record, messages };
}
