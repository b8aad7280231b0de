// The sheet that a long touch on a message opens, or « More » in its row: who wrote it and when, and
// what can be done with it.

import { messageAround } from "./message-stops.js";

const LONG_MS = 500;
const STILL_PX = 10;

export class MessageSheet {
  #dialog;
  #list;
  #messages;
  #actions;
  #page;
  #touch = null; // { timer, x, y } of the finger that is down
  #view = null;
  #drawn; // its message, as the sheet was drawn for it

  // `page`: { names, dates, strings, spoken }.
  constructor({ dialog, list, messages, actions, ...page }) {
    this.#dialog = dialog;
    this.#list = list;
    this.#messages = messages;
    this.#actions = actions;
    this.#page = page;
    // The finger that opened it is still down: what it does next is not meant for the sheet.
    let isPressed = false;
    dialog.addEventListener("pointerdown", () => (isPressed = true));
    dialog.addEventListener("close", () => (isPressed = false));
    const ignore = (event) => event.detail !== 0 && !isPressed && event.stopPropagation();
    dialog.addEventListener("click", ignore, { capture: true });
    dialog.addEventListener("click", ({ target, detail }) => {
      const isBeside = target === dialog && (isPressed || detail === 0);
      if (isBeside || target.closest("[data-close]")) dialog.close();
    });
    this.#followTouch();
    messages.on("change", () => {
      if (dialog.open && !this.#view.element.isConnected) dialog.close();
      else if (dialog.open && this.#view.message !== this.#drawn && this.#view.message.removed) dialog.close();
    });
  }

  // A long touch would select a word; the sheet offers to select the text instead. Links keep the
  // browser's own menu.
  #followTouch() {
    const list = this.#list;
    list.addEventListener("pointerdown", ({ pointerType, isPrimary, target, clientX: x, clientY: y }) => {
      this.#end();
      const element = messageAround(target);
      if (pointerType !== "touch" || !isPrimary || !element || !isFree(target)) return;
      this.#touch = { x, y, timer: setTimeout(() => this.open(element), LONG_MS) };
    });
    list.addEventListener("pointermove", ({ clientX, clientY }) => {
      const { x, y } = this.#touch ?? {};
      if (Math.abs(clientX - x) > STILL_PX || Math.abs(clientY - y) > STILL_PX) this.#end();
    });
    for (const name of ["pointerup", "pointercancel"]) addEventListener(name, () => this.#end());
    list.addEventListener("contextmenu", (event) => {
      const element = messageAround(event.target);
      if (event.pointerType !== "touch" || !element || !isFree(event.target)) return;
      event.preventDefault();
      this.open(element);
    });
  }

  #end() {
    clearTimeout(this.#touch?.timer);
    this.#touch = null;
  }

  open(element) {
    this.#end();
    const view = this.#messages.viewOf(element);
    const own = view ? this.#actions.filter((action) => action.isFor(view.message)) : [];
    if (own.length === 0 || this.#dialog.open) return;
    this.#view?.element.classList.remove("selectable");
    this.#view = view;
    this.#drawn = view.message;
    const { names, dates } = this.#page;
    const { member, at } = view.message;
    const [head, time, place] = ["bdi", "time", "ul"].map((name) => this.#dialog.querySelector(name));
    names.write(head, member);
    time.dateTime = at;
    time.textContent = dates.exact(new Date(at));
    place.replaceChildren(...own.map((action) => this.#item(action)));
    if (!view.message.removed && matchMedia("(hover: none)").matches) place.append(this.#selecting());
    this.#dialog.showModal();
  }

  #item(action) {
    const { message } = this.#view;
    let isAsked = !action.sure;
    return item(action.words(message), async (button) => {
      if (!isAsked) {
        isAsked = true;
        button.classList.add("asked");
        button.textContent = action.sure(message);
        return;
      }
      if (action.isCopying) this.#page.spoken.textContent = await action.act(message, button);
      this.#dialog.close();
      // What the action brings the focus to can have it only now.
      if (!action.isCopying) await action.act(message, button);
    });
  }

  #selecting() {
    return item(this.#page.strings.say("selectText"), () => {
      const { element } = this.#view;
      this.#dialog.close();
      element.classList.add("selectable");
      getSelection().selectAllChildren(element.querySelector(".text"));
    });
  }
}

function item(words, act) {
  const [line, button] = [document.createElement("li"), document.createElement("button")];
  button.type = "button";
  button.className = "quiet";
  button.textContent = words;
  button.addEventListener("click", () => act(button));
  line.append(button);
  return line;
}

const isFree = (target) => !target.closest("a, button") && getSelection().isCollapsed;
