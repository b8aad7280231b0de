// Remembers how far this reader has read in a room, in whatever tab: { epoch, seq, at } of the last
// message read. Within a log it only grows: a tab that has read less leaves it as it is. Tells
// "elsewhere" (seq) when the reader has read further in another tab.

import { isLookedAt } from "../base/looked-at.js";
import { Source } from "../base/source.js";

const MOST = 100; // rooms

const isPlace = (value) => typeof value?.epoch === "string" && Number.isInteger(value.seq);

export class LastRead extends Source {
  #store;
  #room;
  #name;
  #epoch = null; // of the log that this page shows; null while it is not in the room
  #messages;

  constructor({ store, room, messages }) {
    super();
    this.#store = store;
    this.#room = room;
    this.#name = `read:${room}`;
    this.#messages = messages;
    store.follow(this.#name, () => {
      const { epoch, seq } = store.read(this.#name, isPlace) ?? {};
      if (epoch && epoch === this.#epoch) this.tell("elsewhere", seq);
    });
    messages.on("change", () => this.#look());
    addEventListener("focus", () => this.#look());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#write();
      else this.#look();
    });
    addEventListener("pagehide", () => document.hidden || this.#write());
  }

  // The page joined the room, whose log has this epoch and newest seq. Gives the place of the last
  // message read in this log, if it is known.
  enter({ epoch, seq }) {
    this.#epoch = epoch;
    const before = this.#store.read(this.#name, isPlace);
    const isSame = before?.epoch === epoch && before.seq <= seq;
    // From now on, tabs that still show the log of before write no more.
    if (!isSame) this.#store.write(this.#name, { epoch, seq: 0 });
    this.#store.keepLatest("read", this.#room, MOST);
    this.#look();
    return isSame && before.seq > 0 ? before : undefined; // 0: nothing was read yet
  }

  // The log is no longer the one that was read, unless another tab has read the new one already:
  // then it shows that message at that time.
  forget() {
    const { seq, at } = this.#store.read(this.#name, isPlace) ?? {};
    const isHere = this.#messages.views.some(({ message }) => message.seq === seq && message.at === at);
    if (!isHere) this.#store.remove(this.#name);
  }

  // The page is out of the room. Messages that came while it was hidden are not read yet. What
  // comes with the next welcome is read only after `enter`.
  leave() {
    if (!document.hidden) this.#write();
    this.#epoch = null;
  }

  #look() {
    if (isLookedAt()) this.#write();
  }

  #write() {
    const { seq, at } = this.#messages.last?.message ?? {};
    const epoch = this.#epoch;
    if (!epoch || !seq) return;
    this.#store.update(this.#name, isPlace, (before) => {
      const isFurther = !before || (before.epoch === epoch && before.seq < seq);
      return isFurther ? { epoch, seq, at } : before;
    });
  }
}
