// The row of words at a message: when exactly it was written, and what can be done with it. The
// list has one row. It comes to the message that the mouse points at, that has the keyboard's focus,
// or that a finger touched.

import { messageAround } from "./message-stops.js";

const SAID_MS = 2_000;

export class MessageActions {
  #place = document.createElement("div"); // as high as the message, so that the row stays in view
  #row = document.createElement("div");
  #time = document.createElement("time");
  #buttons; // [{ action, button, timer }]
  #list;
  #messages;
  #dates;
  #spoken;
  #view = null; // of the message that has the row
  #pointer; // what was used last: "mouse", "touch" or "pen"

  // `actions`: see actions.js.
  constructor({ list, messages, dates, muted, actions, spoken }) {
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
    this.#row.append(this.#time, ...this.#buttons.map(({ button }) => button));
    messages.on("change", () => {
      if (this.#view?.element.isConnected) this.#tellTime();
      else this.#show(null);
    });
    muted.on("change", () => (this.#isFolded ? this.#show(null) : this.#draw()));
    this.#followMouse();
    this.#followFocus();
    this.#followFingers();
  }

  // Its author was just muted.
  get #isFolded() {
    return this.#row.closest("[hidden]") !== null;
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
    this.#tellTime();
    for (const { action, button, timer } of this.#buttons) {
      clearTimeout(timer);
      button.hidden = !action.isFor(message);
      button.textContent = action.words(message);
    }
    // On a phone it may have two lines.
    this.#place.style.setProperty("--high", `${this.#row.offsetHeight}px`);
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
      const said = await action.act(view.message, button);
      if (!said || view !== this.#view) return;
      button.textContent = this.#spoken.textContent = said;
      clearTimeout(made.timer);
      made.timer = setTimeout(() => {
        this.#spoken.textContent = "";
        this.#draw();
      }, SAID_MS);
    });
    return made;
  }
}
