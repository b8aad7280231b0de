// Reads and writes localStorage or sessionStorage. With private windows, full disks and strict
// settings any access may throw. Then the page remembers values for as long as it is open.

const PREFIX = "tchat:";

export class Store {
  #area = null;
  #memory = new Map();

  // `open` gives the area. It is a function, because even reading window.localStorage may throw.
  constructor(open) {
    try {
      this.#area = open();
    } catch {
      this.#area = null;
    }
  }

  // Gives what was written, or undefined if it is absent or damaged or `accepts` refuses it.
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
      // The value stays in memory.
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
