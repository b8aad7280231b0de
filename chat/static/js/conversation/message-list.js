// The messages shown: a gapless piece of the log, each once, in its order. Tells "appended"
// (view, previous), "rearranged" (anything else happened to them) and, after either, "change".

import { MessageView } from "./message-view.js";
import { Source } from "../base/source.js";

// Beyond, those far from the reader leave: a page left open for a week, or taken back through
// a year, stays light. history.js asks for them again.
const MOST = 800;
const KEPT = 500;

// How long a screen reader is given to notice what has just come, before it is drawn again.
export const READ_MS = 300;

export class MessageList extends Source {
  #list;
  #dates;
  #text;
  #views = [];
  #isQuiet = false;
  #news = []; // { element, at }: what came last, and is to be read aloud

  constructor(list, dates, text) {
    super();
    this.#list = list;
    this.#dates = dates;
    this.#text = text;
  }

  get views() {
    return this.#views;
  }

  get first() {
    return this.#views[0];
  }

  get last() {
    return this.#views.at(-1);
  }

  get isEmpty() {
    return this.#views.length === 0;
  }

  get isLong() {
    return this.#views.length > MOST;
  }

  clear() {
    this.#views = [];
    this.#list.replaceChildren();
    this.tell("change");
  }

  append(message, { mine, arrived = false }) {
    if (!this.isEmpty && message.seq <= this.last.seq) return null;
    const view = this.#make(message, mine);
    view.element.classList.toggle("arrived", arrived);
    const previous = this.last;
    view.follow(previous);
    this.#views.push(view);
    this.#list.append(view.element);
    this.tell("appended", view, previous);
    this.tell("change");
    return view;
  }

  // Older ones, from history. Not news: a screen reader keeps quiet about them.
  prepend(messages, memberId) {
    const older = messages.filter(({ seq }) => seq < this.first.seq);
    this.quietly(() => {
      const views = older.map((message) => this.#make(message, message.member.id === memberId));
      this.#views.unshift(...views);
      this.#list.prepend(...views.map((view) => view.element));
      this.#follow(0, views.length + 1);
    });
    this.tell("change");
  }

  // Newer ones, from history.
  extend(messages, memberId) {
    const from = this.#views.length;
    const newer = messages.filter(({ seq }) => this.isEmpty || seq > this.last.seq);
    this.quietly(() => {
      const views = newer.map((message) => this.#make(message, message.member.id === memberId));
      this.#views.push(...views);
      this.#list.append(...views.map((view) => view.element));
      this.#follow(from, this.#views.length);
    });
    this.tell("change");
  }

  // Those far from the element `place`, or from the end, leave: "older" or "newer" ones, which
  // it says, unless they are to be `spared`.
  trim(place, spared) {
    const index = this.#views.findIndex(({ element }) => element === place);
    const far = index < 0 || index > this.#views.length / 2 ? "older" : "newer";
    if (far === spared) return null;
    const from = far === "older" ? 0 : KEPT;
    for (const view of this.#views.splice(from, this.#views.length - KEPT)) view.element.remove();
    this.#follow(0, 1);
    this.tell("change");
    return far;
  }

  // « Today » does not stay today.
  refreshDays() {
    this.#follow(0, this.#views.length);
  }

  refresh(view) {
    const index = this.#views.indexOf(view);
    if (index >= 0) this.#follow(index, index + 1);
  }

  // A screen reader says nothing of what `change` does, and all the same misses nothing that
  // comes meanwhile: each message is quiet by itself, the log never.
  quietly(change) {
    this.#hush();
    const was = this.#isQuiet;
    this.#isQuiet = true;
    try {
      change();
    } finally {
      this.#isQuiet = was;
    }
  }

  #make(message, mine) {
    const view = new MessageView(message, this.#dates, { mine, text: this.#text });
    this.#hush();
    if (this.#isQuiet) hush(view.element);
    else this.#news.push({ element: view.element, at: performance.now() });
    return view;
  }

  // What was read aloud is not read again, whatever becomes of it.
  #hush() {
    const before = performance.now() - READ_MS;
    while (this.#news[0]?.at <= before) hush(this.#news.shift().element);
  }

  #follow(from, to) {
    for (let i = from; i < Math.min(to, this.#views.length); i += 1) {
      this.#views[i].follow(this.#views[i - 1]);
    }
    this.tell("rearranged");
  }
}

function hush(element) {
  element.setAttribute("aria-live", "off");
}
