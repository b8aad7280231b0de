// The row of words at a message: when exactly it was written, and what can be done with it. The
// list has one row. It comes to the message that the mouse points at, that has the keyboard's focus,
// or that a finger touched. It has one line: what has no place in it stands in the message's sheet.

import { messageAround } from "./message-stops.js";

const SAID_MS = 2_000;
const ASKED_MS = 5_000; // for which a button asks whether the reader is sure

export class MessageActions {
  #place = document.createElement("div"); // as high as the message, so that the row stays in view
  #row = document.createElement("div");
  #time = document.createElement("time");
  #buttons; // [{ action, button, timer }]
  #more = document.createElement("button"); // opens the sheet
  #list;
  #messages;
  #dates;
  #spoken;
  #view = null; // of the message that has the row
  #drawn = null; // that message, as the row was drawn for it
  #pointer; // what was used last: "mouse", "touch" or "pen"

  // `actions`: see actions.js; `sheet`: a MessageSheet.
  constructor({ list, messages, dates, muted, actions, sheet, strings, spoken }) {
    this.#list = list;
    this.#messages = messages;
    this.#dates = dates;
    this.#spoken = spoken;
    this.#buttons = actions.map((action) => this.#make(action));
    this.#place.className = "actions";
    this.#place.dataset.unwritten = "";
    this.#place.append(this.#row);
    this.#row.setAttribute("role", "group");
    this.#row.setAttribute("aria-live", "off"); // it is no news
    this.#more.type = "button";
    this.#more.className = "quiet";
    this.#more.textContent = strings.say("more");
    this.#more.setAttribute("aria-haspopup", "dialog");
    this.#more.addEventListener("click", () => sheet.open(this.#view.element));
    this.#row.append(this.#time, ...this.#buttons.map(({ button }) => button), this.#more);
    messages.on("change", () => {
      if (!this.#view?.element.isConnected) this.#show(null);
      else if (this.#view.message !== this.#drawn) this.#draw(); // it was edited or removed
      else this.#tellTime();
    });
    // The messages of whoever was just muted are folded away in a moment (people/later/folds.js).
    muted.on("change", () => (muted.has(this.#view?.member.id) ? this.#show(null) : this.#draw()));
    new ResizeObserver(() => this.#fit()).observe(list);
    this.#followMouse();
    this.#followFocus();
    this.#followFingers();
  }

  // The row comes when the mouse moves. A list that moves under the mouse leaves it where it is:
  // nobody presses « Mute Carl » because Bob's message has just made room for Carl's. While the
  // keyboard is in the list, the row stays with it. It also stays while the mouse selects text.
  #followMouse() {
    const point = (element) => this.#list.querySelector(":focus-visible") || this.#show(element);
    const isPointing = ({ pointerType, buttons }) => pointerType === "mouse" && buttons === 0;
    this.#list.addEventListener("pointermove", (event) => {
      const element = messageAround(event.target);
      if (isPointing(event) && element !== this.#view?.element) point(element);
    });
    this.#list.addEventListener("pointerleave", (event) => {
      if (isPointing(event)) point(null);
    });
  }

  #followFocus() {
    this.#list.addEventListener("focusin", ({ target }) => {
      if (target.matches(":focus-visible")) this.#show(messageAround(target));
    });
    this.#list.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !this.#list.contains(relatedTarget)) this.#show(null);
    });
  }

  // A touch shows the row, the next one hides it. Touches that do something else leave it alone.
  #followFingers() {
    const note = ({ pointerType }) => (this.#pointer = pointerType);
    document.addEventListener("pointerdown", note, { capture: true, passive: true });
    document.addEventListener("click", ({ target }) => {
      if (this.#pointer === "mouse" || target.closest("a, button")) return;
      const touched = getSelection().isCollapsed ? this.#list.contains(target) : false;
      const element = touched ? messageAround(target) : null;
      this.#show(element === this.#view?.element ? null : element);
    });
  }

  #show(element) {
    if (element && element === this.#view?.element) return;
    this.#view?.element.classList.remove("acting");
    this.#place.remove();
    this.#view = (element && this.#messages.viewOf(element)) ?? null;
    if (!this.#view) return;
    this.#view.element.classList.add("acting");
    this.#view.element.querySelector(".row").append(this.#place);
    this.#draw();
  }

  #draw() {
    if (!this.#view) return;
    const { message } = this.#view;
    const focused = document.activeElement;
    const isHere = this.#row.contains(focused);
    this.#drawn = message;
    this.#tellTime();
    for (const { action, button, timer } of this.#buttons) {
      clearTimeout(timer);
      button.hidden = !action.isFor(message);
      button.textContent = action.words(message);
      button.classList.remove("asked");
    }
    this.#fit();
    // The keyboard was at a button that the message does not offer any more.
    if (isHere && focused.hidden) this.#view.element.focus({ preventScroll: true });
  }

  #fit() {
    if (!this.#view) return;
    const own = this.#buttons.filter(({ action }) => action.isFor(this.#view.message));
    for (const { button } of own) button.hidden = false;
    this.#more.hidden = true;
    const isTooLong = () => this.#row.scrollWidth > this.#row.clientWidth;
    if (!isTooLong()) return;
    this.#more.hidden = false;
    for (const { button } of own.reverse()) {
      if (isTooLong() && !button.classList.contains("asked")) button.hidden = true;
    }
  }

  // After midnight it also says the day.
  #tellTime() {
    const { at } = this.#view.message;
    this.#time.dateTime = at;
    this.#time.textContent = this.#dates.exact(new Date(at));
  }

  #make(action) {
    const button = document.createElement("button");
    const made = { action, button };
    button.type = "button";
    button.className = "quiet";
    button.addEventListener("click", async () => {
      const view = this.#view;
      if (action.sure && !button.classList.contains("asked")) {
        button.classList.add("asked");
        return this.#say(made, action.sure(view.message), ASKED_MS);
      }
      const said = await action.act(view.message, button);
      if (view !== this.#view) return;
      if (said) this.#say(made, said, SAID_MS);
      else this.#draw();
    });
    return made;
  }

  #say(made, words, ms) {
    made.button.textContent = this.#spoken.textContent = words;
    this.#fit();
    clearTimeout(made.timer);
    made.timer = setTimeout(() => {
      this.#spoken.textContent = "";
      this.#draw();
    }, ms);
  }
}
