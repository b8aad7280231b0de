// Says in one line who came and who went since the last message. Leaves out people who went and
// came back, and people who came and went.

import { localeOf } from "../base/dates.js";
import { isolate } from "../base/strings.js";

const NAMED = 3; // more are « and 4 others »

export class Comings {
  #strings;
  #join;
  #came = new Map(); // member id → nick
  #went = new Map();

  constructor(strings, language, preferred) {
    this.#strings = strings;
    this.#join = new Intl.ListFormat(localeOf(language, preferred), { type: "conjunction" });
  }

  joined({ id, nick }) {
    if (!this.#went.delete(id)) this.#came.set(id, nick);
  }

  left({ id, nick }) {
    if (!this.#came.delete(id)) this.#went.set(id, nick);
  }

  renamed({ id, nick }) {
    if (this.#came.has(id)) this.#came.set(id, nick);
  }

  clear() {
    this.#came.clear();
    this.#went.clear();
  }

  // One sentence for those who came and one for those who went, or nothing.
  get words() {
    return [this.#sentence("came", this.#came), this.#sentence("went", this.#went)]
      .filter(Boolean)
      .join(" ");
  }

  #sentence(name, members) {
    if (members.size === 0) return "";
    const nicks = [...members.values()].map(isolate);
    const named = nicks.length > NAMED + 1 ? nicks.slice(0, NAMED) : nicks;
    const others = nicks.length - named.length;
    const people = this.#join.format(
      others > 0 ? [...named, this.#strings.count("others", others)] : named,
    );
    return this.#strings.count(name, nicks.length, { people });
  }
}
