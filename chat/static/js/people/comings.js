// Says in one line who came, who went and who changed their nick since the last message. Leaves out
// people who went and came back, people who came and went, and nicks that were taken back.

import { localeOf } from "../base/dates.js";
import { isolate } from "../base/strings.js";

const NAMED = 3; // more are « and 4 others »
const MOST_RENAMED = 100; // more are forgotten

export class Comings {
  #strings;
  #join;
  #came = new Map(); // member id → nick
  #went = new Map();
  #renamed = new Map(); // member id → { was, nick }: the nick before the first change, and the last one

  constructor(strings, language, preferred) {
    this.#strings = strings;
    this.#join = new Intl.ListFormat(localeOf(language, preferred), { type: "conjunction" });
  }

  // Who comes back may have another nick.
  joined({ id, nick }) {
    const was = this.#went.get(id);
    if (!this.#went.delete(id)) this.#came.set(id, nick);
    else if (was !== nick) this.renamed({ id, nick }, was);
  }

  left({ id, nick }) {
    if (!this.#came.delete(id)) this.#went.set(id, nick);
  }

  renamed({ id, nick }, before) {
    if (this.#came.has(id)) return void this.#came.set(id, nick);
    const { was } = this.#renamed.get(id) ?? { was: before };
    if (was === nick) this.#renamed.delete(id);
    else if (this.#renamed.has(id) || this.#renamed.size < MOST_RENAMED) {
      this.#renamed.set(id, { was, nick });
    }
  }

  clear() {
    for (const members of [this.#came, this.#went, this.#renamed]) members.clear();
  }

  // One sentence for those who came and one for those who went, or nothing.
  get words() {
    return [this.#sentence("came", this.#came), this.#sentence("went", this.#went)]
      .filter(Boolean)
      .join(" ");
  }

  // A sentence for each new nick, or nothing.
  get renames() {
    const renames = [...this.#renamed.values()];
    const named = renames.length > NAMED + 1 ? renames.slice(0, NAMED) : renames;
    const sentences = named.map(({ was, nick }) =>
      this.#strings.say("renamed", { was: isolate(was), nick: isolate(nick) }),
    );
    const others = renames.length - named.length;
    if (others > 0) sentences.push(this.#strings.count("othersRenamed", others));
    return sentences.join(" ");
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
