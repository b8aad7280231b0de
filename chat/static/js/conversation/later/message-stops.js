// Lets the keyboard reach each message. The list is one stop of Tab; there, the arrow keys, Home and
// End go from message to message.

const EDGE_PX = 4; // as in the sheet: scroll-margin-block

export class MessageStops {
  #list;
  #scroller;
  #messages;
  #stop = null; // the message that Tab leads to

  constructor({ list, scroller, messages }) {
    this.#list = list;
    this.#scroller = scroller;
    this.#messages = messages;
    messages.on("change", () => this.#stop?.isConnected || this.#put(messages.last?.element));
    list.addEventListener("focusin", ({ target }) => this.#put(messageAround(target)));
    list.addEventListener("keydown", (event) => this.#pressed(event));
    document.addEventListener("keydown", ({ key }) => key === "Tab" && this.#prepare(), true);
    this.#put(messages.last?.element);
  }

  // Tab leads into the list at the last message that is wholly in view, so that the view does not
  // move.
  #prepare() {
    if (this.#list.contains(document.activeElement)) return;
    const { top, bottom } = this.#scroller.getBoundingClientRect();
    const isInView = ({ element }) => {
      const at = element.getBoundingClientRect();
      return !element.hidden && at.bottom > top && at.bottom < bottom - EDGE_PX;
    };
    this.#put(this.#messages.views.findLast(isInView)?.element ?? this.#messages.last?.element);
  }

  #pressed(event) {
    const { key, target, altKey, ctrlKey, metaKey, shiftKey } = event;
    if (altKey || ctrlKey || metaKey || shiftKey || target.closest("pre")) return;
    if (!target.matches(":focus-visible")) return; // after a click, these keys scroll
    const to = this.#goal(key, messageAround(target));
    if (!to) return;
    event.preventDefault();
    this.#put(to);
    to.focus({ preventScroll: true });
    to.scrollIntoView({ block: "nearest" });
  }

  // Messages that are folded away behind the one before are left out.
  #goal(key, from) {
    const { views } = this.#messages;
    const index = views.findIndex(({ element }) => element === from);
    const isShown = ({ element }) => !element.hidden;
    if (key === "ArrowUp") return views.slice(0, index).findLast(isShown)?.element;
    if (key === "ArrowDown") return views.slice(index + 1).find(isShown)?.element;
    if (key === "Home") return views[0].element;
    return key === "End" ? views.findLast(isShown).element : undefined;
  }

  // A screen reader says who wrote the message and when, what it answers, and then its text.
  #put(element) {
    if (this.#stop && this.#stop !== element) this.#clear(this.#stop);
    this.#stop = element ?? null;
    if (!element) return;
    element.tabIndex = 0;
    const isFolded = element.querySelector(".row").hidden;
    const all = isFolded ? ["folded"] : ["head", "quote", "text", "edited"];
    const names = all.filter((name) => element.querySelector(`.${name}`));
    for (const name of names) element.querySelector(`.${name}`).id = `stop-${name}`;
    element.setAttribute("aria-labelledby", names.map((name) => `stop-${name}`).join(" "));
  }

  #clear(element) {
    for (const each of element.querySelectorAll("[id^=stop-]")) each.removeAttribute("id");
    element.removeAttribute("tabindex");
    element.removeAttribute("aria-labelledby");
  }
}

// Gives the message that the element belongs to. Its text may have lists of its own.
export const messageAround = (element) => element.closest(".message");
