// Leads to a message: shows it, marks it for a moment and gives it the focus. The button to the latest
// messages leads back. A message that cannot be shown is said.

import { messageIn } from "./message-link.js";

const MARKED_MS = 2_500;

export class Going {
  #page;
  #marked = null;
  #timer;

  // `page`: { room, messages, history, scroll, notice, strings }.
  constructor(page) {
    this.#page = page;
    addEventListener("hashchange", () => this.#follow());
    this.#follow();
  }

  // `isThat(message)` says whether the message with this seq is the one that is meant.
  async to(seq, isThat = () => true) {
    const { history, notice, strings } = this.#page;
    const view = await history.goTo(seq);
    if (view && isThat(view.message)) this.#show(view);
    else notice.show(strings.say(view === undefined ? "messageAway" : "messageGone"));
  }

  // The address named a message. It is named once: a reload begins at the end again.
  #follow() {
    const named = messageIn(location.hash);
    if (!named) return;
    window.history.replaceState(window.history.state, "", location.pathname + location.search);
    void this.to(named.seq, named.isThat);
  }

  #show({ element }) {
    const { scroll } = this.#page;
    const folded = element.querySelector(".folded:not([hidden]) button[aria-expanded=false]");
    folded?.click();
    scroll.show(element);
    clearTimeout(this.#timer);
    this.#marked?.classList.remove("found");
    this.#marked = element;
    element.classList.add("found");
    this.#timer = setTimeout(() => element.classList.remove("found"), MARKED_MS);
    element.tabIndex = 0; // message-stops.js takes over from here
    element.focus({ preventScroll: true });
  }
}
