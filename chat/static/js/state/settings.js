// Keeps the settings that a reader chose for this browser. Tells "change".

import { Source } from "../base/source.js";

const NAME = "settings";
const DEFAULTS = { sound: "never", notify: "never", typing: true, comings: true };
const LEVELS = ["never", "mentions", "all"];

export class Settings extends Source {
  #store;

  constructor(store) {
    super();
    this.#store = store;
  }

  // They are read each time, because another tab may have changed them.
  get #values() {
    return { ...DEFAULTS, ...this.#store.read(NAME, (value) => typeof value === "object") };
  }

  get(name) {
    const value = this.#values[name];
    const fits = typeof DEFAULTS[name] === "string" ? LEVELS.includes(value) : typeof value === "boolean";
    return fits ? value : DEFAULTS[name];
  }

  set(name, value) {
    this.#store.write(NAME, { ...this.#values, [name]: value });
    this.tell("change", name);
  }
}

// Whether a message deserves a sound or a notification at this level.
export function calls(level, isMention) {
  return level === "all" || (level === "mentions" && isMention);
}
