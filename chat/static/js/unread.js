// What came while nobody looked: a rule where the reader left, and their number. Tells
// "change" (number).

import { Source } from "./source.js";

export class Unread extends Source {
  #messages;
  #number = 0;
  #marked = null;
  #readSeq = null; // left there, and the rule is not drawn yet

  constructor(messages) {
    super();
    this.#messages = messages;
    document.addEventListener("visibilitychange", () => this.#looked());
    messages.on("rearranged", () => this.#seek());
  }

  // A message of somebody else, as it was added to the list.
  arrived(view) {
    if (!document.hidden) return;
    if (this.#number === 0) this.#mark(view);
    this.#number += 1;
    this.tell("change", this.#number);
  }

  // Back after a while: the reader had read up to `seq`, as this `member`.
  returned(seq, member) {
    this.#readSeq = { seq, member };
    this.#seek();
  }

  // Who answers has read.
  answered() {
    this.#readSeq = null;
    this.#mark(null);
  }

  #looked() {
    if (document.hidden) return;
    this.#number = 0;
    this.tell("change", 0);
  }

  // The place may be among older messages that are not here yet.
  #seek() {
    const { first, last, views } = this.#messages;
    if (!this.#readSeq || !first || first.seq > this.#readSeq.seq + 1) return;
    const { seq, member } = this.#readSeq;
    this.#readSeq = null;
    if (last.seq <= seq) return;
    const view = views.find((each) => each.seq > seq && each.member.id !== member.id);
    if (view) this.#mark(view);
  }

  #mark(view) {
    for (const [each, isMarked] of [[this.#marked, false], [view, true]]) {
      each?.mark(isMarked);
      if (each) this.#messages.refresh(each);
    }
    this.#marked = view;
  }
}
