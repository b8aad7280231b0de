// The list of messages shown: a gapless piece of the log, in its order, each message once. Tells
// "appended" (view, previous), "rearranged" (after any other change), and "change" after either.

import { MessageView } from "./message-view.js";
import { Source } from "../base/source.js";

// With more messages than MOST, those far from the reader are removed until KEPT remain. So the
// page stays light, even if it is open for a week or scrolled back through a year. history.js loads
// them again.
const MOST = 800;
const KEPT = 500;
const LONGEST = 2 * KEPT; // while the reader selects something, which may be anywhere

// How long a screen reader has to notice a new message before the message is drawn again.
export const READ_MS = 300;

export class MessageList extends Source {
  #list;
  #dates;
  #page;
  #views = [];
  #isQuiet = false;
  #news = []; // { element, at }: the latest messages, still to be read aloud

  // `page`: what each message needs: { text, names, muted, strings }.
  constructor(list, dates, page) {
    super();
    this.#list = list;
    this.#dates = dates;
    this.#page = page;
    page.muted.on("change", () => {
      for (const view of this.#views) view.dressQuote();
    });
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

  // The message that this element shows, if it is still in the list.
  viewOf(element) {
    return this.#views.find((view) => view.element === element);
  }

  bySeq(seq) {
    return this.#views.find((view) => view.seq === seq);
  }

  get isTooLong() {
    return this.#views.length > LONGEST;
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

  // Add older messages, from history. They are no news: a screen reader does not read them aloud.
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

  // Add newer messages, from history.
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

  // The message with this seq was changed. `current(message)` gives it, and each answer to it, as it
  // is now.
  renew(seq, current) {
    const changed = this.#views.filter((view) => view.seq === seq || view.message.reply?.seq === seq);
    for (const view of changed) {
      const now = current(view.message);
      if (now === view.message) continue;
      hush(view.element);
      view.become(now);
    }
    if (changed.length > 0) this.tell("change");
  }

  // Remove the messages far from the element `place`, or from the end if `place` is null. Gives
  // which ones it removed, "older" or "newer". If these are `spared`, removes none and gives null.
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

  // After midnight, « Today » is no longer the right name for a day.
  refreshDays() {
    this.#follow(0, this.#views.length);
    this.tell("change");
  }

  // Something in these elements was drawn again, so the heights of their messages may have changed.
  redrawn(elements) {
    for (const each of elements) each.closest(".message")?.classList.remove("settled");
    this.tell("change");
  }

  refresh(view) {
    const index = this.#views.indexOf(view);
    if (index >= 0) this.#follow(index, index + 1);
  }

  // Run `change` so that a screen reader says nothing of it. Each message is made quiet by itself,
  // and the log never is, so that a message that comes meanwhile is still read aloud.
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
    const view = new MessageView(message, this.#dates, { mine, ...this.#page });
    this.#hush();
    if (this.#isQuiet) hush(view.element);
    else this.#news.push({ element: view.element, at: performance.now() });
    return view;
  }

  // A message that was read aloud is not read again, even if it is drawn again.
  #hush() {
    const before = performance.now() - READ_MS;
    while (this.#news[0]?.at <= before) hush(this.#news.shift().element);
  }

  // Messages from `to` on follow too, as far as their group begins at another time now.
  #follow(from, to) {
    let isMoved = false;
    for (let i = from; i < this.#views.length && (i < to || isMoved); i += 1) {
      isMoved = this.#views[i].follow(this.#views[i - 1]);
    }
    this.tell("rearranged");
  }
}

function hush(element) {
  element.setAttribute("aria-live", "off");
}
