// Writes the nicks of members. Where one nick has been two members' in what this page shows, each
// of them gets a tag after it: the first letters of the member's id, which is a hash of the key.
//
// Tells "change" when nicks that are written already need a tag: then `renew` writes those again.

import { DIGITS } from "../base/ids.js";
import { Source } from "../base/source.js";

const LETTERS = 6; // for a tag that he wants, a forger has to try a billion keys (2 to the 30)
const MORE = 4; // if two tags begin with the same letters
const MOST = 2_000; // nicks; those that were written longest ago are forgotten first
const MOST_OF_A_NICK = 50; // members

const BASE_64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const LIKE_A_TAG = /#[0-9a-z]+$/u; // a nick that ends so always gets a tag: it could feign one

// Two nicks of one look are one nick here. The server knows more of what looks alike.
const look = (nick) =>
  nick.normalize("NFKC").trim().replace(/\s+/g, " ").toUpperCase().toLowerCase();

// Gives the first letters of what is drawn of an id. They have no capitals, no i, l, o and u.
const letters = (id, number) =>
  Array.from(id.slice(0, number), (sign) => DIGITS[BASE_64.indexOf(sign) & 31].toLowerCase()).join("");

export class Names extends Source {
  #strings;
  #known = new Map(); // look → { tags, length }: the letters of each member (id) who had such a nick
  #written = new WeakMap(); // element → { member, tag }
  #isTelling = false;

  constructor(strings) {
    super();
    this.#strings = strings;
  }

  // Gives the member's tag, like "#k7qxm2", or "" as long as nobody else has had this nick.
  // Whoever has no id writes here, and the server has not let them in yet.
  tag({ id, nick }) {
    if (!id) return "";
    const looks = look(nick);
    const tags = this.#note(looks, id);
    return tags.size > 1 || LIKE_A_TAG.test(looks) ? `#${tags.get(id)}` : "";
  }

  // Gives the nick for use where there is only text.
  text(member) {
    return `${member.nick} ${this.tag(member)}`.trimEnd();
  }

  // Fill an element with the nick.
  write(element, member) {
    const tag = this.tag(member);
    this.#written.set(element, { member, tag });
    element.classList.add("named");
    element.textContent = member.nick;
    if (tag) element.append(...this.#draw(tag));
  }

  // Fill an element with a sentence in which members stand, each as `isolate(its index)`. The
  // browser does not translate them.
  say(element, { sentence, members }) {
    const parts = sentence.split(/\u2068(\d+)\u2069/).map((part, index) => {
      if (index % 2 === 0) return part;
      const name = document.createElement("bdi");
      name.translate = false;
      this.write(name, members[part]);
      return name;
    });
    element.replaceChildren(...parts);
  }

  // Write the nicks again that need another tag than they have. Gives their elements.
  renew() {
    return [...document.querySelectorAll(".named")].filter((element) => {
      const { member, tag } = this.#written.get(element);
      if (this.tag(member) === tag) return false;
      this.write(element, member);
      return true;
    });
  }

  // A screen reader would read a tag as a word.
  #draw(tag) {
    const [seen, said] = [document.createElement("span"), document.createElement("span")];
    seen.className = "tag";
    seen.setAttribute("aria-hidden", "true");
    seen.textContent = tag;
    said.className = "spoken";
    said.textContent = `, ${this.#strings.say("tag", { letters: [...tag.slice(1)].join(" ") })}`;
    return [seen, said];
  }

  #note(looks, id) {
    const known = this.#known.get(looks) ?? { tags: new Map(), length: LETTERS };
    const { tags } = known;
    this.#known.delete(looks);
    this.#known.set(looks, known);
    forgetFirst(this.#known, MOST);
    if (tags.has(id)) return tags;
    const before = known.length;
    while ([...tags.values()].includes(letters(id, known.length)) && known.length < id.length) {
      known.length += MORE;
      for (const each of tags.keys()) tags.set(each, letters(each, known.length));
    }
    tags.set(id, letters(id, known.length));
    forgetFirst(tags, MOST_OF_A_NICK);
    if (tags.size === 2 || known.length > before) this.#later();
    return tags;
  }

  // Once for all that is being written now, and only when that is on the page.
  #later() {
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      this.tell("change");
    });
  }
}

function forgetFirst(all, most) {
  if (all.size > most) all.delete(all.keys().next().value);
}
