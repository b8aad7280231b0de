// A question until when a room is to last: for ever, tonight, for a week, or until a moment in the
// reader's own time. Tells "chosen" (a time as RFC 3339, or null).

import { Source } from "../../base/source.js";
import { when } from "./when.js";

const WEEK_DAYS = 7;
const LATE_HOUR = 23; // from then on, tonight ends at the hour below
const NIGHT_HOUR = 4;

export class EndChoice extends Source {
  #select;
  #moment;
  #hint;
  #page;

  // `field`: an element with a select, a field for a moment and a hint.
  constructor({ field, ...page }) {
    super();
    this.#select = field.querySelector("select");
    this.#moment = field.querySelector("input");
    this.#hint = field.querySelector("[data-part=ends-hint]");
    this.#page = page;
    this.#select.addEventListener("change", () => this.#selected());
    this.#moment.addEventListener("change", () => this.#chosen());
  }

  // Show what holds now.
  draw(endsAt) {
    this.#select.value = endsAt ? "moment" : "never";
    this.#moment.value = endsAt ? localTime(new Date(endsAt)) : "";
    this.#show();
  }

  // Gives what is chosen: a time, null for never, or undefined if there is no time in the field.
  get value() {
    const { value } = this.#select;
    if (value === "never") return null;
    const moment = value === "moment" ? new Date(this.#moment.value) : momentOf(value);
    return Number.isNaN(moment.getTime()) ? undefined : moment.toISOString();
  }

  focus() {
    this.#moment.focus();
  }

  #selected() {
    if (this.#select.value === "moment" && !this.#moment.value) {
      this.#moment.value = localTime(momentOf("week"));
    }
    this.#show();
    if (this.#select.value === "moment") this.focus();
    else this.#chosen();
  }

  #chosen() {
    this.#show();
    if (this.value !== undefined) this.tell("chosen", this.value);
  }

  #show() {
    const isMoment = this.#select.value === "moment";
    this.#moment.hidden = !isMoment;
    this.#moment.min = localTime(new Date());
    const ends = this.value;
    this.#hint.textContent = ends
      ? this.#page.strings.say("endsHint", { when: when(new Date(ends), this.#page) })
      : this.#page.strings.say("neverEndsHint");
  }
}

// The moment that a word means: "tonight" is the end of this day, or of the night if it is late.
export function momentOf(word, now = new Date()) {
  const at = (days, ...time) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, ...time);
  if (word === "week") return at(WEEK_DAYS, now.getHours(), now.getMinutes());
  return now.getHours() < LATE_HOUR ? at(0, 23, 59) : at(1, NIGHT_HOUR);
}

// Writes a moment as the browser's field has it: local, to the minute.
export function localTime(date) {
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}
