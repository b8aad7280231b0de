// Says as whom this tab entered by itself, without asking: on a shared computer the next person must
// see that they would speak as somebody else. It stays until the reader writes, or touches the page elsewhere.

import { isolate } from "../base/strings.js";

export class WhoAmI {
  #box;
  #strings;

  // `another()` is called when the reader is somebody else.
  constructor({ box, strings, another }) {
    this.#box = box;
    this.#strings = strings;
    box.querySelector("button").addEventListener("click", another);
    document.addEventListener("pointerdown", ({ target }) => box.contains(target) || this.hide());
  }

  show(nick) {
    this.#box.hidden = false;
    this.#box.querySelector("p").textContent = this.#strings.say("youAre", { nick: isolate(nick) });
  }

  hide() {
    this.#box.hidden = true;
  }
}
