// The reader's place: at the end it stays at the end, elsewhere nothing moves it. Tells "end"
// (the reader came there) and "wanted" (asked for it by the button).

import { Source } from "../base/source.js";

const AT_PX = 1;
const NEAR_PX = 64;

export class Scroll extends Source {
  #scroller;
  #list;
  #button;
  #words;
  #strings;
  #atEnd = true;
  #isOpen = false;
  #top = 0; // where it was
  #height = 0; // of what can be seen, then
  #missed = 0;

  constructor({ scroller, content, list, button, strings }) {
    super();
    this.#scroller = scroller;
    this.#list = list;
    this.#button = button;
    this.#words = button.querySelector("span");
    this.#strings = strings;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    button.addEventListener("click", () => this.tell("wanted"));
    // The keyboard opened, the composer grew, the window turned, a font arrived.
    const observer = new ResizeObserver(() => this.follow());
    observer.observe(scroller);
    observer.observe(content);
  }

  get atEnd() {
    return this.#atEnd;
  }

  // Whether there are messages below the last one shown: then there is no end to be at.
  set isOpen(isOpen) {
    if (this.#isOpen === isOpen) return;
    this.#isOpen = isOpen;
    this.#scrolled();
  }

  // Stay at the end, if there: the event that says otherwise may be on its way.
  follow() {
    this.#scrolled();
    if (this.#atEnd) this.toEnd();
  }

  toEnd() {
    this.#set(this.#scroller.scrollHeight);
    this.#arrive();
  }

  // A message of somebody else came.
  arrived() {
    this.follow();
    if (!this.#atEnd) this.#setMissed(this.#missed + 1);
  }

  // Let `change(place)` alter what is not read at the moment, without moving what is: `place`
  // is the first element of the list that can be seen. It stays where it ends, because what
  // it begins with depends on the one before.
  hold(change) {
    this.#scrolled();
    const place = this.#place();
    const before = place?.getBoundingClientRect().bottom;
    change(place);
    if (this.#atEnd) return this.toEnd();
    if (!place?.isConnected) return;
    this.#set(this.#scroller.scrollTop + place.getBoundingClientRect().bottom - before);
  }

  #place() {
    const edge = this.#scroller.getBoundingClientRect().top;
    return [...this.#list.children].find((each) => each.getBoundingClientRect().bottom > edge);
  }

  #set(top) {
    this.#scroller.scrollTop = top;
    this.#top = this.#scroller.scrollTop;
  }

  // Whoever turns away from the end leaves it at once; whoever comes back is there a little
  // before. Else the next message would pull back a reader who has only begun to scroll. Where
  // more or less can be seen than before, the browser has moved, and nobody turned away.
  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    const below = scrollHeight - scrollTop - clientHeight;
    const moved = scrollTop - this.#top;
    const isResized = clientHeight !== this.#height;
    this.#top = scrollTop;
    this.#height = clientHeight;
    if (this.#isOpen) this.#leave();
    else if (below <= (moved > 0 ? NEAR_PX : AT_PX)) this.#arrive();
    else if (moved !== 0 && !isResized) this.#leave();
  }

  #arrive() {
    const was = this.#atEnd;
    this.#atEnd = true;
    this.#setMissed(0);
    if (!was) this.tell("end");
  }

  #leave() {
    this.#atEnd = false;
    this.#button.hidden = false;
  }

  #setMissed(missed) {
    this.#missed = missed;
    this.#button.hidden = this.#atEnd;
    this.#words.textContent =
      missed > 0 ? this.#strings.count("newMessages", missed) : this.#strings.say("toEnd");
  }
}
