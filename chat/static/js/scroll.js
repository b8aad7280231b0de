// The reader's place: at the end it stays at the end, elsewhere nothing moves it.

const NEAR_PX = 64;

export class Scroll {
  #scroller;
  #button;
  #strings;
  #atEnd = true;
  #missed = 0;

  constructor({ scroller, content, button, strings }) {
    this.#scroller = scroller;
    this.#button = button;
    this.#strings = strings;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    button.addEventListener("click", () => this.toEnd());
    // The keyboard opened, the composer grew, the window turned, a font arrived.
    const observer = new ResizeObserver(() => this.follow());
    observer.observe(scroller);
    observer.observe(content);
  }

  get atEnd() {
    return this.#atEnd;
  }

  // Stay at the end, if there.
  follow() {
    if (this.#atEnd) this.toEnd();
  }

  toEnd() {
    this.#atEnd = true;
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#setMissed(0);
  }

  // A message of somebody else came.
  arrived() {
    if (this.#atEnd) this.toEnd();
    else this.#setMissed(this.#missed + 1);
  }

  // Let `change` alter what is above without moving what is read.
  hold(change) {
    const fromEnd = this.#scroller.scrollHeight - this.#scroller.scrollTop;
    change();
    this.#scroller.scrollTop = this.#scroller.scrollHeight - fromEnd;
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#atEnd = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    if (this.#atEnd) this.#setMissed(0);
    else this.#button.hidden = false;
  }

  #setMissed(missed) {
    this.#missed = missed;
    this.#button.hidden = this.#atEnd;
    this.#button.textContent =
      missed > 0 ? this.#strings.count("newMessages", missed) : this.#strings.say("toEnd");
  }
}
