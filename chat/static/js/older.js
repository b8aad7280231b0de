// Loads older messages before the reader reaches the top.

const PAGE = 50;
const AHEAD_PX = 800;
const RETRY_MS = 2_000;

export class Older {
  #room;
  #messages;
  #scroll;
  #scroller;
  #start;
  #strings;
  #more = false;
  #loading = false;

  constructor({ room, messages, scroll, scroller, start, strings }) {
    this.#room = room;
    this.#messages = messages;
    this.#scroll = scroll;
    this.#scroller = scroller;
    this.#start = start;
    this.#strings = strings;
    scroller.addEventListener("scroll", () => this.check(), { passive: true });
    room.on("history", (event) => this.#loaded(event));
    room.on("out", () => (this.#loading = false));
    room.on("refused", ({ retry_after }) => this.#later(retry_after));
  }

  // Whether the log has messages before the first one shown.
  set more(more) {
    this.#more = more;
    this.#show();
    this.check();
  }

  get more() {
    return this.#more;
  }

  check() {
    if (!this.#more || this.#loading || this.#messages.isEmpty) return;
    if (this.#scroller.scrollTop > AHEAD_PX) return;
    this.#loading = this.#room.history(this.#messages.first.seq, PAGE);
    this.#show();
  }

  #loaded({ messages, more }) {
    this.#loading = false;
    this.#scroll.hold(() => {
      this.#messages.prepend(messages, this.#room.member.id);
      this.more = more;
    });
    this.check();
  }

  #later(retry_after) {
    if (!this.#loading) return;
    const wait = retry_after === undefined ? RETRY_MS : retry_after * 1000;
    setTimeout(() => {
      this.#loading = false;
      this.check();
    }, wait);
  }

  #show() {
    const first = this.#messages.first?.seq;
    this.#start.hidden = first === undefined;
    if (this.#more) this.#start.textContent = this.#strings.say("loadingOlder");
    else this.#start.textContent = this.#strings.say(first === 1 ? "beginning" : "olderGone");
  }
}
