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
  #head = 0; // seq of the newest entry in the log
  #to = 0; // the list lacks no message from its first one up to this seq
  #more = false; // the log has messages before the first one shown
  #toEnd = false; // the reader wants to see the newest
  #jump = null; // { seq, done }: the reader wants to see that message
  #loading = false;
  #asked = null; // the messages before this seq
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
    room.on("out", () => {
      this.#free();
      this.#land(undefined);
    });
    room.on("history refused", ({ retry_after }) => this.#later(retry_after));
  }

  // Whether the log may have newer messages than the last one shown.
  get isBehind() {
    return !this.#messages.isEmpty && this.#to < this.#head;
  }

  // Whether the log had messages and keeps none of them.
  get isEmptied() {
    return this.#messages.isEmpty && this.#head > 0;
  }

  // The newest messages are shown, up to seq `head`. `more`: the log has older ones.
  begin(head, more) {
    this.#head = head;
    this.#to = head;
    this.#more = more;
    this.#toEnd = false;
    this.#draw();
  }

  // An entry with seq `head` came, whether it is shown or not.
  moved(head) {
    const wasBehind = this.isBehind;
    this.#head = Math.max(this.#head, head);
    if (!wasBehind) this.#to = this.#head;
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
      const trimmed = this.#messages.trim(far, loaded);
      if (trimmed === "older") this.#more = true;
      else if (trimmed === "newer") this.#to = this.#messages.last.seq;
    });
    this.#draw();
  }

  // Show the message with this seq, among those around it. Gives a promise of its view; null if the
  // log does not have it, undefined if the server could not be asked.
  goTo(seq) {
    this.#land(undefined);
    const view = this.#messages.bySeq(seq);
    if (view) return Promise.resolve(view);
    return new Promise((done) => {
      this.#jump = { seq, done };
      if (!this.#loading && !this.#ask()) this.#land(undefined);
    });
  }

  check() {
    if (!this.#loading && !this.#messages.isEmpty) this.#ask();
  }

  #ask() {
    const before = this.#wanted();
    this.#asked = before;
    if (before !== null) this.#loading = this.#room.history(before, PAGE);
    return this.#loading;
  }

  // Gives the seq before which to ask for messages, or null if there is nothing to ask for. A seq
  // beyond the newest one asks for the newest messages.
  #wanted() {
    if (this.#jump) return this.#jump.seq + PAGE / 2;
    const { first, last } = this.#messages;
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    if (this.#toEnd) return this.#head + PAGE;
    if (this.#more && scrollTop < AHEAD_PX) return first.seq;
    const below = scrollHeight - scrollTop - clientHeight;
    return this.isBehind && below < AHEAD_PX ? this.#to + 1 + PAGE : null;
  }

  // Others ask for messages too, for a copy.
  #loaded({ before, messages, more }) {
    if (!this.#loading || before !== this.#asked) return;
    this.#free();
    if (this.#jump && before === this.#jump.seq + PAGE / 2) return this.#arrive(before, messages, more);
    if (this.#messages.isEmpty) return;
    const from = messages[0]?.seq;
    const id = this.#room.member.id;
    const areOlder = before <= this.#messages.first.seq;
    const areApart = !areOlder && more && !(from <= this.#to + 1);
    if (areOlder || areApart) this.#more = more;
    if (!areOlder) this.#to = Math.min(before - 1, this.#head);
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

  // What was shown is let go: it may be far from here.
  #arrive(before, messages, more) {
    const { seq } = this.#jump;
    if (!messages.some((message) => message.seq === seq)) {
      this.#land(null);
      return this.check();
    }
    this.#scroll.leave(() => {
      this.#messages.clear();
      this.#messages.extend(messages, this.#room.member.id);
    });
    this.#more = more;
    this.#to = Math.min(before - 1, this.#head);
    this.#toEnd = false;
    this.#draw();
    this.#land(this.#messages.bySeq(seq));
  }

  #land(view) {
    this.#jump?.done(view);
    this.#jump = null;
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
    else this.#start.textContent = this.#strings.say(first === 1 ? "beginning" : "nothingOlder");
  }
}
