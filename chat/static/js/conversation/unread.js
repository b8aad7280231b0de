// Marks the messages that came while nobody looked, by a rule where the reader left, and counts
// them. Messages that are read in another tab are neither marked nor counted. Tells "change" (number).

import { Source } from "../base/source.js";

export class Unread extends Source {
  #messages;
  #beside;
  #newest = 0; // the seq of the newest message that came
  #isAway = false; // something came that the reader has not seen
  #counted = new Set(); // seqs
  #place = null; // { seq, at, member }: what others wrote after seq is new to this member
  #marked = null; // the view with the rule

  // `scroll` knows whether the reader is at the end, where new messages come; `beside` knows the
  // other tabs of the room.
  constructor(messages, scroll, beside) {
    super();
    this.#messages = messages;
    this.#beside = beside;
    const look = () => document.hidden || !scroll.atEnd || (this.#isAway = false);
    document.addEventListener("visibilitychange", () => {
      look();
      if (!document.hidden) this.#countNone();
    });
    scroll.on("end", look);
    messages.on("rearranged", () => this.#seek());
  }

  // How many are counted.
  get number() {
    return this.#counted.size;
  }

  // A message of somebody else came, in the list or not. `isSeen`: the reader is at the end.
  async arrived({ seq }, member, isSeen) {
    if (isSeen && !document.hidden) return;
    this.#newest = seq;
    if (document.hidden && (await this.#beside.isRead())) return;
    if (!this.#isAway) this.returned({ seq: seq - 1 }, member);
    this.#isAway = true;
    if (!document.hidden) return;
    this.#counted.add(seq);
    this.#tell();
  }

  // A message that is gone is nothing to read.
  removed(seq) {
    if (this.#counted.delete(seq)) this.#tell();
  }

  // The reader is back after a while. They had read up to `seq`, as this `member`. If its time `at`
  // is known, it proves that the log is still the one that they had read.
  returned({ seq, at }, member) {
    this.#place = { seq, at, member };
    this.#mark(null);
    this.#seek();
  }

  // A reader who answers has read everything.
  answered() {
    this.#place = null;
    this.#mark(null);
  }

  // The reader has read up to `seq` in another tab.
  readElsewhere(seq) {
    if (seq >= this.#newest) this.forget();
  }

  // What was counted is read, or the log is another and it is in it no more.
  forget() {
    this.answered();
    this.#isAway = false;
    this.#newest = 0;
    this.#countNone();
  }

  #countNone() {
    if (this.#counted.size === 0) return; // a title that is set anew draws the eye to its tab
    this.#counted.clear();
    this.#tell();
  }

  #tell() {
    this.tell("change", this.#counted.size);
  }

  // The place may be among messages that are not in the list yet, or no longer.
  #seek() {
    const { first, last, views } = this.#messages;
    if (!this.#place || !first || this.#marked?.element.isConnected) return;
    const { seq, at, member } = this.#place;
    if (first.seq > seq + 1 || last.seq <= seq) return;
    const read = views.find((each) => each.seq === seq);
    if (at && read && read.message.at !== at) return this.answered();
    const view = views.find((each) => each.seq > seq && each.member.id !== member.id);
    if (view) this.#mark(view);
  }

  #mark(view) {
    const before = this.#marked;
    this.#marked = view;
    for (const each of [before, view]) {
      each?.mark(each === view);
      if (each) this.#messages.refresh(each);
    }
  }
}
