// What came while nobody looked: a rule where the reader left, a number in the title.

export class Unread {
  #messages;
  #title = document.title;
  #number = 0;
  #marked = null;

  constructor(messages) {
    this.#messages = messages;
    document.addEventListener("visibilitychange", () => this.#looked());
  }

  // A message of somebody else, as it was added to the list.
  arrived(view) {
    if (!document.hidden) return;
    if (this.#number === 0) this.#mark(view);
    this.#number += 1;
    document.title = `(${this.#number}) ${this.#title}`;
  }

  // Who answers has read.
  answered() {
    this.#mark(null);
  }

  #looked() {
    if (document.hidden) return;
    this.#number = 0;
    document.title = this.#title;
  }

  #mark(view) {
    for (const [each, isMarked] of [[this.#marked, false], [view, true]]) {
      each?.mark(isMarked);
      if (each) this.#messages.refresh(each);
    }
    this.#marked = view;
  }
}
