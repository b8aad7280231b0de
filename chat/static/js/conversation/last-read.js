// How far this reader read in a room, and the rule where they left.

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

  // In: gives the seq of the last message read in this log, if it is known.
  enter(epoch) {
    this.#epoch = epoch;
    const place = this.#store.read(this.#name, isPlace);
    return place?.epoch === epoch ? place.seq : undefined;
  }

  // What came while nobody looked is not read.
  keep() {
    if (!document.hidden) this.#write();
  }

  #write() {
    const seq = this.#messages.last?.seq;
    if (this.#epoch && seq) this.#store.write(this.#name, { epoch: this.#epoch, seq });
  }
}
