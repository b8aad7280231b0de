// Keeps the reader's place. A reader at the end stays at the end; a reader elsewhere is not moved, and
// neither is one who has selected something that is in view.
// Tells "end" (the reader reached the end) and "wanted" (the reader asked for it by the button).

import { Source } from "../base/source.js";

const AT_PX = 1;
const NEAR_PX = 64;

export class Scroll extends Source {
  #scroller;
  #list;
  #button;
  #selection;
  #words;
  #strings;
  #atEnd = true;
  #isOpen = false;
  #top = 0; // the last known scroll position
  #height = 0; // the visible height at that time
  #missed = 0;

  constructor({ scroller, content, list, button, selection, strings }) {
    super();
    this.#scroller = scroller;
    this.#list = list;
    this.#button = button;
    this.#selection = selection;
    this.#words = button.querySelector("span");
    this.#strings = strings;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    button.addEventListener("click", () => this.tell("wanted"));
    selection.on("free", () => this.follow());
    // It follows when a keyboard opens, the composer grows, the window turns or a font arrives.
    const observer = new ResizeObserver(() => this.follow());
    observer.observe(scroller);
    observer.observe(content);
  }

  get atEnd() {
    return this.#atEnd;
  }

  // Whether the log has messages after the last one shown. Then the reader cannot be at the end.
  set isOpen(isOpen) {
    if (this.#isOpen === isOpen) return;
    this.#isOpen = isOpen;
    this.#scrolled();
  }

  // Stay at the end, if the reader is there. The scroll event may not have come yet, so look first.
  // A press of the mouse may begin a selection, so what is pressed does not move either.
  follow() {
    this.#scrolled();
    if (!this.#atEnd) return;
    if (this.#isSelected()) this.#settle();
    else if (!this.#selection.isPressed) this.toEnd();
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

  // Let `change(place)` alter messages without moving what is being read. `place` is the element of
  // the list in the middle of the view. Its bottom stays where it is, and not its top, because what
  // stands at its top depends on the messages before, and so does what is above it.
  hold(change) {
    this.#scrolled();
    const place = this.#place();
    const before = place?.getBoundingClientRect().bottom;
    change(place);
    if (this.#atEnd && !this.#selection.isHeld) return this.toEnd();
    if (!place?.isConnected) return;
    this.#set(this.#scroller.scrollTop + place.getBoundingClientRect().bottom - before);
    this.follow();
  }

  // Let `change` replace what is shown: the reader wants to be elsewhere than at the end.
  leave(change) {
    this.#atEnd = false;
    change();
    this.#leave();
  }

  // Show the element of a message in the middle of the view, or its beginning if it is high.
  show(element) {
    const { top, height } = element.getBoundingClientRect();
    const frame = this.#scroller.getBoundingClientRect();
    const space = Math.max(0, frame.height - height) / 2;
    this.#set(this.#scroller.scrollTop + top - frame.top - space);
    this.#settle();
  }

  // Let `change` make what the reader reads longer or shorter. The top of `element` stays where it
  // is.
  keep(element, change) {
    const before = element.getBoundingClientRect().top;
    change();
    this.#set(this.#scroller.scrollTop + element.getBoundingClientRect().top - before);
    this.#settle();
  }

  // The reader is at the end exactly if nothing is below.
  #settle() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    if (this.#isOpen || scrollHeight - scrollTop - clientHeight > AT_PX) this.#leave();
    else this.#arrive();
  }

  // What is selected comes first: it must not move, and not be removed.
  #place() {
    const seen = this.#seen();
    const { range } = this.#selection;
    const { top, bottom } = this.#scroller.getBoundingClientRect();
    const reaches = (each) => each.getBoundingClientRect().bottom > (top + bottom) / 2;
    return seen.find((each) => range?.intersectsNode(each)) ?? seen.find(reaches) ?? seen.at(-1);
  }

  #isSelected() {
    const { range } = this.#selection;
    return range !== null && this.#seen().some((each) => range.intersectsNode(each));
  }

  // Gives the elements of the list that are in view.
  #seen() {
    const { top, bottom } = this.#scroller.getBoundingClientRect();
    return [...this.#list.children].filter((each) => {
      const at = each.getBoundingClientRect();
      return at.bottom > top && at.top < bottom;
    });
  }

  #set(top) {
    this.#scroller.scrollTop = top;
    this.#top = this.#scroller.scrollTop;
  }

  // A reader who scrolls up leaves the end at once. Else the next message would pull back a reader
  // who has only begun to scroll. A reader who scrolls down is at the end a little before it. If
  // the visible height changed, the browser moved the view, and the reader did not leave.
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
