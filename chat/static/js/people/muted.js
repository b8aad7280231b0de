// The people whom this reader has muted on this device. Tells "change".

import { Source } from "../base/source.js";

const NAME = "muted";

const isEntry = (value) =>
  Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === "string");

export class Muted extends Source {
  #store;
  #nicks; // by member id

  constructor(store) {
    super();
    this.#store = store;
    this.#nicks = new Map(store.read(NAME, (value) => Array.isArray(value) && value.every(isEntry)));
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
    this.#nicks.set(id, nick);
    this.#changed();
  }

  unmute(id) {
    this.#nicks.delete(id);
    this.#changed();
  }

  #changed() {
    this.#store.write(NAME, this.all);
    this.tell("change");
  }
}
