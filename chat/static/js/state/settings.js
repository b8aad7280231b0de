// Keeps the settings that a reader chose for this browser, in any tab. Tells "change".

import { Source } from "../base/source.js";

const NAME = "settings";
const DEFAULTS = { sound: "never", notify: "never", typing: true, comings: true };
const LEVELS = ["never", "mentions", "all"];

const isSettings = (value) => typeof value === "object";

export class Settings extends Source {
  #store;

  constructor(store) {
    super();
    this.#store = store;
    store.follow(NAME, () => this.tell("change"));
  }

  // They are read each time, because another tab may have changed them.
  get(name) {
    const value = this.#store.read(NAME, isSettings)?.[name];
    const fits = typeof DEFAULTS[name] === "string" ? LEVELS.includes(value) : typeof value === "boolean";
    return fits ? value : DEFAULTS[name];
  }

  set(name, value) {
    this.#store.update(NAME, isSettings, (before) => ({ ...before, [name]: value }));
    this.tell("change");
  }
}

// Whether a message deserves a sound or a notification at this level.
export function calls(level, isMention) {
  return level === "all" || (level === "mentions" && isMention);
}
