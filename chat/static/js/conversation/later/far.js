// When there are many messages, lets the browser lay out only those near the window. Each is drawn
// once before that, so that the browser remembers its height and nothing jumps.

const LAID_OUT = 200; // up to so many messages are all laid out
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

  // The messages are drawn in the first frame and settled in the second. If something changed in
  // between, heights may have changed too, and it starts again.
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

  // At another width lines break elsewhere, so the remembered heights are wrong.
  #resized(width) {
    if (this.#width === width) return;
    this.#width = width;
    for (const element of this.#list.children) element.classList.remove(SETTLED);
    this.#settle();
  }
}
