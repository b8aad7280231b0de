// Writes days and times anew when another day begins or the reader is in another time zone. So
// « Today » never stands at two days.

import { untilMidnight } from "../../base/dates.js";

// No timer runs while a machine sleeps, and none notices a changed clock. So it looks often.
const LOOK_MS = 60_000;

export class Days {
  #dates;
  #messages;
  #redraw;
  #shown = today();

  // `redraw(change)` lets `change` alter what is shown already.
  constructor({ dates, messages, redraw }) {
    this.#dates = dates;
    this.#messages = messages;
    this.#redraw = redraw;
    messages.on("appended", () => this.#look());
    document.addEventListener("visibilitychange", () => this.#look());
    this.#wait();
  }

  #wait() {
    setTimeout(() => {
      this.#look();
      this.#wait();
    }, Math.min(LOOK_MS, untilMidnight()));
  }

  #look() {
    const now = today();
    if (now === this.#shown) return;
    this.#shown = now;
    this.#dates.renew();
    this.#redraw(() => this.#messages.refreshDays());
  }
}

function today() {
  const now = new Date();
  return `${now.toDateString()} ${now.getTimezoneOffset()}`;
}
