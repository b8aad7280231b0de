// Says in one line who came, who went and who changed their nick since the last message. Leaves out
// people who went and came back, people who came and went, and nicks that were taken back.

import { localeOf } from "../base/dates.js";
import { isolate } from "../base/strings.js";

const NAMED = 3; // more are « and 4 others »
const MOST_RENAMED = 100; // more are forgotten

export class Comings {
  #strings;
  #join;
  #came = new Map(); // member id → member
  #went = new Map();
  #renamed = new Map(); // member id → { was, member }: the nick before the first change, and the last one

  constructor(strings, language, preferred) {
    this.#strings = strings;
    this.#join = new Intl.ListFormat(localeOf(language, preferred), { type: "conjunction" });
  }

  // Who comes back may have another nick.
  joined(member) {
    const was = this.#went.get(member.id)?.nick;
    if (!this.#went.delete(member.id)) this.#came.set(member.id, member);
    else if (was !== member.nick) this.renamed(member, was);
  }

  left(member) {
    if (!this.#came.delete(member.id)) this.#went.set(member.id, member);
  }

  renamed(member, before) {
    const { id, nick } = member;
    if (this.#came.has(id)) return void this.#came.set(id, member);
    const { was } = this.#renamed.get(id) ?? { was: before };
    if (was === nick) this.#renamed.delete(id);
    else if (this.#renamed.has(id) || this.#renamed.size < MOST_RENAMED) {
      this.#renamed.set(id, { was, member });
    }
  }

  clear() {
    for (const members of [this.#came, this.#went, this.#renamed]) members.clear();
  }

  // Gives { sentence, members }, as names.js writes it: a sentence for each new nick, and if these
  // are `wanted`, one for those who came and one for those who went.
  said(wanted) {
    const members = [];
    const place = (member) => isolate(members.push(member) - 1);
    const sentences = [this.#renames(place)];
    if (wanted) sentences.push(this.#people("came", this.#came, place), this.#people("went", this.#went, place));
    return { sentence: sentences.filter(Boolean).join(" "), members };
  }

  #renames(place) {
    const renames = [...this.#renamed.values()];
    const named = renames.length > NAMED + 1 ? renames.slice(0, NAMED) : renames;
    const sentences = named.map(({ was, member }) =>
      this.#strings.say("renamed", { was: place({ ...member, nick: was }), nick: place(member) }),
    );
    const others = renames.length - named.length;
    if (others > 0) sentences.push(this.#strings.count("othersRenamed", others));
    return sentences.join(" ");
  }

  #people(name, members, place) {
    if (members.size === 0) return "";
    const all = [...members.values()];
    const named = (all.length > NAMED + 1 ? all.slice(0, NAMED) : all).map(place);
    const others = all.length - named.length;
    const people = this.#join.format(
      others > 0 ? [...named, this.#strings.count("others", others)] : named,
    );
    return this.#strings.count(name, all.length, { people });
  }
}
