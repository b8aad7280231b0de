// Draws what a search found: messages under their days, the newest first, with the words marked.

import { linkTo } from "../../conversation/later/message-link.js";
import { sameDay } from "../../base/dates.js";
import { dressAs } from "../../people/mark.js";
import { excerpt } from "./found-words.js";

export class Results {
  #place;
  #template = document.getElementById("result");
  #names;
  #dates;

  constructor({ place, names, dates }) {
    this.#place = place;
    this.#names = names;
    this.#dates = dates;
  }

  // The results that can be gone to, in their order.
  get links() {
    return [...this.#place.querySelectorAll("a")];
  }

  // A result that stays keeps its element, and so the focus.
  draw(found) {
    const before = new Map(this.links.map((link) => [link.dataset.seq, link]));
    const days = [];
    let last = null;
    for (const { message, places } of found) {
      const at = new Date(message.at);
      if (!last || !sameDay(last, at)) days.push(this.#day(at));
      last = at;
      const kept = before.get(String(message.seq));
      const isSame = kept?.dataset.text === message.text;
      const item = isSame ? kept.parentElement : this.#item(message, places, at);
      days.at(-1).querySelector("ol").append(item);
    }
    const focused = document.activeElement;
    this.#place.replaceChildren(...days);
    if (this.#place.contains(focused)) focused.focus({ preventScroll: true });
  }

  #day(at) {
    const section = document.createElement("section");
    const heading = document.createElement("h3");
    const name = document.createElement("span");
    heading.className = "day";
    name.className = "day-name";
    name.textContent = this.#dates.day(at);
    heading.append(name);
    section.append(heading, document.createElement("ol"));
    return section;
  }

  #item(message, places, at) {
    const item = this.#template.content.firstElementChild.cloneNode(true);
    const link = item.querySelector("a");
    link.href = linkTo(message);
    link.dataset.seq = message.seq;
    link.dataset.text = message.text;
    dressAs(item, message.member, this.#names);
    const time = item.querySelector("time");
    time.dateTime = message.at;
    time.textContent = this.#dates.time(at);
    item.querySelector(".found-text").append(...excerpt(message.text, places).map(draw));
    return item;
  }
}

function draw({ words, isFound }) {
  if (!isFound) return words;
  const mark = document.createElement("mark");
  mark.textContent = words;
  return mark;
}
