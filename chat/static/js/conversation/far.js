// Of many messages only those near the window are laid out. Each has been drawn before, so that
// the browser remembers its height, and nothing jumps.

const LAID_OUT = 200; // so many at once are no trouble
const SETTLED = "settled";

export class Far {
  #messages;
  #list;
  #width;
  #waiting = false;
  #changed = false;

  constructor(messages, list) {
    this.#messages = messages;
    this.#list = list;
    messages.on("change", () => this.#settle());
    new ResizeObserver(([entry]) => this.#resized(entry.contentRect.width)).observe(list);
  }

  // In the first frame they are drawn, in the second they may rest; unless something changed in
  // between, and heights with it.
  #settle() {
    this.#changed = true;
    if (this.#waiting || this.#messages.views.length <= LAID_OUT) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#changed = false;
      requestAnimationFrame(() => {
        this.#waiting = false;
        if (this.#changed) return this.#settle();
        for (const { element } of this.#messages.views) element.classList.add(SETTLED);
      });
    });
  }

  // Lines break elsewhere: what was remembered is wrong.
  #resized(width) {
    if (this.#width === width) return;
    this.#width = width;
    for (const element of this.#list.children) element.classList.remove(SETTLED);
    this.#settle();
  }
}
