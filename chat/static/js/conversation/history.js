// Loads messages that the list does not hold: older ones before the reader reaches the top, and
// newer ones that the list had let go while the reader was far up.

import { LONG_WAIT_MS, TICK_MS, waitUntil } from "../base/dates.js";

const PAGE = 50;
const AHEAD_PX = 800;
const RETRY_MS = 2_000;

export class History {
  #room;
  #messages;
  #scroll;
  #scroller;
  #selection;
  #start;
  #strings;
  #head = 0; // seq of the newest message in the log
  #more = false; // the log has messages before the first one shown
  #toEnd = false; // the reader wants to see the newest
  #loading = false;
  #until = 0; // when it asks again for what was refused
  #timer;

  constructor({ room, messages, scroll, scroller, selection, start, strings }) {
    this.#room = room;
    this.#messages = messages;
    this.#scroll = scroll;
    this.#scroller = scroller;
    this.#selection = selection;
    this.#start = start;
    this.#strings = strings;
    scroller.addEventListener("scroll", () => this.check(), { passive: true });
    scroll.on("wanted", () => this.toEnd());
    room.on("history", (event) => this.#loaded(event));
    room.on("out", () => this.#free());
    room.on("history refused", ({ retry_after }) => this.#later(retry_after));
  }

  // Whether the log has newer messages than the last one shown.
  get isBehind() {
    return !this.#messages.isEmpty && this.#messages.last.seq < this.#head;
  }

  // Whether the log had messages and keeps none of them.
  get isEmptied() {
    return this.#messages.isEmpty && this.#head > 0;
  }

  // The newest messages are shown, up to seq `head`. `more`: the log has older ones.
  begin(head, more) {
    this.#head = head;
    this.#more = more;
    this.#toEnd = false;
    this.#draw();
  }

  // A message with seq `head` came, whether it is shown or not.
  moved(head) {
    this.#head = Math.max(this.#head, head);
    this.#scroll.isOpen = this.isBehind;
  }

  // Show the newest.
  toEnd() {
    this.#toEnd = this.isBehind;
    if (this.#toEnd) this.check();
    else this.#scroll.toEnd();
  }

  // If there are too many messages, remove those far from the reader, but not those just `loaded`
  // ("older" or "newer"). When the reader scrolls there, they are loaded again.
  trim(loaded) {
    if (!this.#messages.isLong || (this.#selection.isHeld && !this.#messages.isTooLong)) return;
    this.#scroll.hold((place) => {
      const far = this.#scroll.atEnd ? null : place;
      if (this.#messages.trim(far, loaded) === "older") this.#more = true;
    });
    this.#draw();
  }

  check() {
    if (this.#loading || this.#messages.isEmpty) return;
    const before = this.#wanted();
    if (before !== null) this.#loading = this.#room.history(before, PAGE);
  }

  // Gives the seq before which to ask for messages, or null if there is nothing to ask for. A seq
  // beyond the newest one asks for the newest messages.
  #wanted() {
    const { first, last } = this.#messages;
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    if (this.#toEnd) return this.#head + PAGE;
    if (this.#more && scrollTop < AHEAD_PX) return first.seq;
    const below = scrollHeight - scrollTop - clientHeight;
    return this.isBehind && below < AHEAD_PX ? last.seq + 1 + PAGE : null;
  }

  #loaded({ messages, more }) {
    this.#free();
    if (this.#messages.isEmpty) return;
    const [from, to] = [messages[0]?.seq, messages.at(-1)?.seq];
    const { first, last } = this.#messages;
    const id = this.#room.member.id;
    const areOlder = messages.length === 0 || to < first.seq;
    const areApart = !areOlder && from > last.seq + 1;
    if (areOlder || areApart) this.#more = more;
    this.#scroll.hold(() => {
      if (areApart) this.#messages.clear();
      if (areOlder) this.#messages.prepend(messages, id);
      else this.#messages.extend(messages, id);
    });
    this.trim(areOlder ? "older" : "newer");
    this.#draw();
    if (this.#toEnd) this.toEnd();
    this.check();
  }

  #later(retry_after) {
    if (!this.#loading) return;
    this.#until = Date.now() + (retry_after === undefined ? RETRY_MS : retry_after * 1000);
    this.#wait();
  }

  #wait() {
    this.#draw();
    const left = this.#until - Date.now();
    this.#timer = setTimeout(() => {
      if (left > TICK_MS) return this.#wait();
      this.#free();
      this.check();
    }, Math.min(left, TICK_MS));
  }

  #free() {
    clearTimeout(this.#timer);
    this.#loading = false;
    this.#until = 0;
  }

  #draw() {
    this.#scroll.isOpen = this.isBehind;
    const first = this.#messages.first?.seq;
    this.#start.hidden = first === undefined && !this.isEmptied;
    if (this.#more && this.#until > Date.now() + LONG_WAIT_MS) {
      this.#start.textContent = this.#strings.say("olderLater", { wait: waitUntil(this.#until) });
    } else if (this.#more) this.#start.textContent = this.#strings.say("loadingOlder");
    else this.#start.textContent = this.#strings.say(first === 1 ? "beginning" : "olderGone");
  }
}
