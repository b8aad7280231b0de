// The people whom this reader has muted on this device, in any tab. Tells "change".

import { Source } from "../base/source.js";

const NAME = "muted";

const isEntry = (value) =>
  Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === "string");
const isList = (value) => Array.isArray(value) && value.every(isEntry);

export class Muted extends Source {
  #store;
  #nicks; // by member id; only for reading: what is written is made from what the store has

  constructor(store) {
    super();
    this.#store = store;
    this.#nicks = new Map(store.read(NAME, isList));
    store.follow(NAME, () => this.#become(store.read(NAME, isList)));
  }

  get isEmpty() {
    return this.#nicks.size === 0;
  }

  // Pairs of member id and nick.
  get all() {
    return [...this.#nicks];
  }

  has(id) {
    return this.#nicks.has(id);
  }

  mute({ id, nick }) {
    this.#change((nicks) => nicks.set(id, nick));
  }

  unmute(id) {
    this.#change((nicks) => nicks.delete(id));
  }

  #change(change) {
    const list = this.#store.update(NAME, isList, (before) => {
      const nicks = new Map(before);
      change(nicks);
      return [...nicks];
    });
    this.#become(list);
  }

  #become(list) {
    this.#nicks = new Map(list);
    this.tell("change");
  }
}
