// Remembers how far this reader has read in a room.

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

  // The page joined the room. Gives the seq of the last message read in this log, if it is known.
  enter(epoch) {
    this.#epoch = epoch;
    const place = this.#store.read(this.#name, isPlace);
    return place?.epoch === epoch ? place.seq : undefined;
  }

  // Messages that came while the page was hidden are not read yet.
  keep() {
    if (!document.hidden) this.#write();
  }

  #write() {
    const seq = this.#messages.last?.seq;
    if (this.#epoch && seq) this.#store.write(this.#name, { epoch: this.#epoch, seq });
  }
}
