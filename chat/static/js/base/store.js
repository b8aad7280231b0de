// Reads and writes localStorage or sessionStorage. With private windows, full disks and strict
// settings any access may throw. Then the page remembers values for as long as it is open.
//
// All tabs share localStorage. So no feature keeps a value to write it back later: it lets `update`
// read the value again, change it and write it at once. Nothing can come between, except in another
// process within the same millisecond; then the later write counts.
//
// Tells "change" (name) when another tab wrote that name, or null if any name may have changed.

import { Source } from "./source.js";

const PREFIX = "tchat:";

const isNames = (value) => Array.isArray(value) && value.every((each) => typeof each === "string");

export class Store extends Source {
  #area = null;
  #memory = new Map();

  // `open` gives the area. It is a function, because even reading window.localStorage may throw.
  constructor(open) {
    super();
    try {
      this.#area = open();
    } catch {
      this.#area = null;
    }
    addEventListener("storage", ({ storageArea, key }) => {
      if (this.#area && storageArea === this.#area) this.#written(key);
    });
    // A page that comes back from the browser's cache was told nothing meanwhile.
    addEventListener("pageshow", ({ persisted }) => persisted && this.tell("change", null));
  }

  // Calls `changed()` when another tab wrote this name.
  follow(name, changed) {
    this.on("change", (written) => (written === null || written === name) && changed());
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

  // Writes what `change(value)` makes of the value as it is now. Gives the new value.
  update(name, accepts, change) {
    const before = this.read(name, accepts);
    const value = change(before);
    if (value !== before) this.write(name, value);
    return value;
  }

  remove(name) {
    this.#memory.delete(name);
    try {
      this.#area.removeItem(PREFIX + name);
    } catch {
      // Nothing was kept there.
    }
  }

  // Remove all that Tchat keeps here, and nothing else.
  empty() {
    this.#memory.clear();
    for (const name of this.#names("")) this.remove(name);
  }

  // Keep nothing from now on, and nothing of before: this device is being forgotten.
  end() {
    this.empty();
    this.#area = null;
  }

  // `kind:name` was used now. Forget all names of this kind but the `most` that were used last, so
  // that rooms and nicks of long ago do not fill the area.
  keepLatest(kind, name, most) {
    const order = `latest:${kind}`;
    const before = this.read(order, isNames) ?? [];
    if (before[0] === name) return;
    const all = [...new Set([name, ...before, ...this.#names(`${kind}:`)])];
    for (const old of all.slice(most)) this.remove(`${kind}:${old}`);
    this.write(order, all.slice(0, most));
  }

  #names(start) {
    try {
      const keys = Array.from({ length: this.#area.length }, (_, i) => this.#area.key(i));
      const first = PREFIX + start;
      return keys.filter((key) => key.startsWith(first)).map((key) => key.slice(first.length));
    } catch {
      return [];
    }
  }

  // Another tab wrote this key, or null: it emptied the area.
  #written(key) {
    if (key === null) {
      this.#memory.clear();
      this.tell("change", null);
    } else if (key.startsWith(PREFIX)) {
      const name = key.slice(PREFIX.length);
      this.#memory.delete(name);
      this.tell("change", name);
    }
  }
}
