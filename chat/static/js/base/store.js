// localStorage or sessionStorage, when there is one. Private windows, full disks and strict
// settings make any access throw: then the page remembers for as long as it is open.

const PREFIX = "tchat:";

export class Store {
  #area = null;
  #memory = new Map();

  // `open` gives the area: the mere mention of window.localStorage may throw.
  constructor(open) {
    try {
      this.#area = open();
    } catch {
      this.#area = null;
    }
  }

  // What was written, or undefined when it is absent, damaged, or not what `accepts` accepts.
  read(name, accepts) {
    try {
      const json = this.#memory.get(name) ?? this.#area?.getItem(PREFIX + name);
      const value = JSON.parse(json ?? "null");
      return accepts(value) ? value : undefined;
    } catch {
      return undefined;
    }
  }

  write(name, value) {
    const json = JSON.stringify(value);
    this.#memory.set(name, json);
    try {
      this.#area.setItem(PREFIX + name, json);
      this.#memory.delete(name);
    } catch {
      // Memory has it.
    }
  }

  remove(name) {
    this.#memory.delete(name);
    try {
      this.#area.removeItem(PREFIX + name);
    } catch {
      // Nothing was kept there.
    }
  }
}
