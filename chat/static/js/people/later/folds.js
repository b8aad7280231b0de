// Folds the messages of muted people behind a line that says so. Messages of one person that follow
// one another have one line.

import { isolate } from "../../base/strings.js";

export class Folds {
  #messages;
  #muted;
  #names;
  #strings;
  #runs = new WeakMap(); // view → its run: { first, member, isOpen }

  constructor({ messages, muted, names, strings }) {
    this.#messages = messages;
    this.#muted = muted;
    this.#names = names;
    this.#strings = strings;
    messages.on("appended", (view, previous) => {
      if (!muted.isEmpty) this.#place(view, previous);
    });
    messages.on("rearranged", () => {
      if (!muted.isEmpty) this.#all();
    });
    muted.on("change", () => messages.quietly(() => this.#all()));
    messages.quietly(() => this.#all());
  }

  #all() {
    let previous;
    for (const view of this.#messages.views) {
      this.#place(view, previous);
      previous = view;
    }
  }

  #place(view, previous) {
    const run = this.#muted.has(view.member.id) ? this.#runOf(view, previous) : null;
    if (run) this.#runs.set(view, run);
    else this.#runs.delete(view);
    this.#draw(view, run);
  }

  #runOf(view, previous) {
    const before = previous && this.#runs.get(previous);
    if (before?.id === view.member.id && !view.isHeaded) return before;
    const own = this.#runs.get(view);
    return own?.first === view ? own : { first: view, id: view.member.id, isOpen: false };
  }

  #draw({ element, member }, run) {
    const isFirst = run?.first.element === element;
    const line = element.querySelector(".folded");
    const row = element.querySelector(".row");
    const isFolded = Boolean(run && !run.isOpen);
    if (row.hidden !== isFolded) element.classList.remove("settled"); // another height: see far.js
    row.hidden = isFolded;
    element.hidden = isFolded && !isFirst;
    line.hidden = !isFirst;
    if (!isFirst) return;
    const sentence = this.#strings.say("folded", { nick: isolate(0) });
    this.#names.say(line.querySelector("span"), { sentence, members: [member] });
    const button = line.querySelector("button");
    button.textContent = this.#strings.say(run.isOpen ? "fold" : "unfold");
    button.setAttribute("aria-expanded", run.isOpen);
    button.onclick = () => {
      run.isOpen = !run.isOpen;
      this.#messages.quietly(() => this.#all()); // they are old: a screen reader need not say them
    };
  }
}
