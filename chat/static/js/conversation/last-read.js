// Remembers how far this reader has read in a room: { epoch, seq, at } of the last message read.

const isPlace = (value) => typeof value?.epoch === "string" && Number.isInteger(value.seq);

export class LastRead {
  #store;
  #name;
  #epoch = null;
  #messages;

  constructor({ store, room, messages }) {
    this.#store = store;
    this.#name = `read:${room}`;
    this.#messages = messages;
    document.addEventListener("visibilitychange", () => document.hidden && this.#write());
    addEventListener("pagehide", () => this.keep());
  }

  // The page joined the room. Gives the place of the last message read in this log, if it is known.
  enter(epoch) {
    this.#epoch = epoch;
    const place = this.#store.read(this.#name, isPlace);
    return place?.epoch === epoch ? place : undefined;
  }

  // The log is no longer the one that was read.
  forget() {
    this.#store.remove(this.#name);
  }

  // Messages that came while the page was hidden are not read yet.
  keep() {
    if (!document.hidden) this.#write();
  }

  #write() {
    const { seq, at } = this.#messages.last?.message ?? {};
    if (this.#epoch && seq) this.#store.write(this.#name, { epoch: this.#epoch, seq, at });
  }
}
