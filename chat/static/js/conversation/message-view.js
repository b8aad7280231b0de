// One message as an element. It is a clone of the page's own template, filled by textContent;
// text.js fills in the message's text.

import { apart } from "../base/source.js";
import { sameDay, within5Minutes } from "../base/dates.js";
import { dressAs } from "../people/mark.js";
import { quoteOf } from "./quote.js";

const template = document.getElementById("message");

export class MessageView {
  element = template.content.firstElementChild.cloneNode(true);
  #message;
  #at;
  #dates;
  #names;
  #text;
  #muted;
  #strings;
  #wish; // what its author has asked for and is not in the log yet: { text } or { removed: true }
  #edition; // of the dates, in which its time is written
  #since; // when the first message of its group was written
  #shape = ""; // what stands above its text
  #find = (name) => this.element.querySelector(`.${name}`);

  // `message`: { member, text, at }, and perhaps reply, edited and removed; and seq once it is in the
  // log. `text` fills in its text; `muted` knows whose words are not shown.
  constructor(message, dates, { mine, text, names, muted, strings }) {
    this.#message = message;
    this.#at = new Date(message.at);
    this.#dates = dates;
    this.#names = names;
    this.#text = text;
    this.#muted = muted;
    this.#strings = strings;
    apart(() => this.dress(message.member)); // even if this fails, the message is shown
    this.element.classList.toggle("mine", mine);
    if (message.seq) this.element.dataset.seq = message.seq;
    this.#find("time").dateTime = message.at;
    this.#tellTime();
    this.#draw();
  }

  get seq() {
    return this.#message.seq;
  }

  get member() {
    return this.#message.member;
  }

  get message() {
    return this.#message;
  }

  // Whether something stands between this message and the one before.
  get isHeaded() {
    return ["day", "unread", "came"].some((name) => !this.#find(name).hidden);
  }

  // Show who came and went before this message (people/comings.js).
  precede(said) {
    this.#find("came").hidden = false;
    this.#names.say(this.#find("came"), said);
  }

  dress(member) {
    this.#message = { ...this.#message, member };
    dressAs(this.element, member, this.#names);
  }

  // The message was edited or removed, or what it answers was.
  become(message) {
    this.#message = message;
    this.#draw();
  }

  // Show what its author has asked for, or nothing of that any more (undefined).
  wish(wish) {
    if (wish?.text === this.#wish?.text && wish?.removed === this.#wish?.removed) return;
    this.#wish = wish;
    this.#draw();
  }

  // Show the line of the message that this one answers.
  dressQuote() {
    const { reply, removed } = this.#message;
    const before = this.#find("quote");
    if (!reply || removed) return before?.remove();
    const quote = quoteOf(reply, { names: this.#names, muted: this.#muted, strings: this.#strings });
    if (before) before.replaceWith(quote);
    else this.#find("text").before(quote);
  }

  #draw() {
    const { text, removed, edited } = this.#message;
    this.element.classList.remove("settled"); // another height: see far.js
    this.element.classList.toggle("gone", removed === true);
    this.dressQuote();
    if (removed) this.#text.erase(this.#find("text"), this.#strings.say("removed"));
    else this.#text.fill(this.#find("text"), this.#wish?.text ?? text);
    this.#find("edited")?.remove();
    if (edited && !removed) this.#find("text").after(this.#editedAt(new Date(edited)));
  }

  #editedAt(date) {
    const time = document.createElement("time");
    time.className = "edited";
    time.dateTime = date.toISOString();
    time.title = this.#dates.full(date);
    time.textContent = this.#strings.say("edited", { time: this.#dates.time(date) });
    return time;
  }

  // Show what depends on the message before: the day, if a new one begins, and the author, unless
  // both messages are of one group. Says whether its group now begins at another time: then the
  // next message has to follow again.
  follow(previous) {
    const since = this.#since;
    if (this.#edition !== this.#dates.edition) this.#tellTime();
    const newDay = !previous || !sameDay(previous.#at, this.#at);
    this.#find("day").hidden = !newDay;
    if (newDay) this.#find("day-name").textContent = this.#dates.day(this.#at);
    const isGrouped = !this.isHeaded && this.#continues(previous);
    this.element.classList.toggle("grouped", isGrouped);
    previous?.element.classList.toggle("continued", isGrouped);
    if (isGrouped) this.#since = previous.#since;
    // If the messages before it are only no longer shown, its group begins when it did.
    else if (previous || this.#since === undefined) this.#since = this.#at.getTime();
    this.#settleAgain();
    return this.#since !== since;
  }

  // Nothing follows this message.
  endGroup() {
    this.element.classList.remove("continued");
  }

  #tellTime() {
    this.#find("time").textContent = this.#dates.time(this.#at);
    const { edited } = this.#message;
    if (this.#edition && edited) this.#find("edited")?.replaceWith(this.#editedAt(new Date(edited)));
    this.#edition = this.#dates.edition;
  }

  // If this message's height may have changed, far.js must let the browser measure it again.
  #settleAgain() {
    const heads = ["day", "came", "unread"].filter((name) => !this.#find(name).hidden);
    const shape = [this.element.classList.contains("grouped"), ...heads].join();
    if (shape !== this.#shape) this.element.classList.remove("settled");
    this.#shape = shape;
  }

  #continues(previous) {
    const [mine, theirs] = [this.#message.member, previous.#message.member];
    return (
      mine.id === theirs.id && mine.nick === theirs.nick && within5Minutes(previous.#since, this.#at)
    );
  }

  get isMarked() {
    return !this.#find("unread").hidden;
  }

  // Show or hide the rule at the place where the reader left.
  mark(isMarked) {
    this.#find("unread").hidden = !isMarked;
  }

  // For what is not in the log yet: show its state, and what can be done with it. Without a state,
  // there is nothing to say. `labels`: what buttons say, if it is something else than in a post.
  setFate(state, words = "", actions = {}, labels = {}) {
    this.element.classList.toggle("waiting", state === "waiting");
    this.element.classList.toggle("failed", state === "failed");
    this.#find("fate").hidden = !state;
    this.#find("fate-words").textContent = words;
    this.#find("clock").toggleAttribute("hidden", state !== "waiting");
    for (const name of ["retry", "edit", "drop"]) {
      const button = this.#find(name);
      button.hidden = !actions[name];
      button.onclick = actions[name];
      if (labels[name]) button.textContent = labels[name];
    }
  }
}
