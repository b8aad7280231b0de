// The line below the last message that says who came and went, and who has another nick now. When
// the next message comes, its words move above that message and are not read aloud again.

const SETTLE_MS = 300; // people who come within this time are in one sentence

export class ComingsLine {
  #line;
  #comings;
  #messages;
  #names;
  #wanted;
  #timer;

  // `wanted()`: whether the reader wants to know who comes and goes. Who has another nick is always
  // said: without that, one would not know who speaks.
  constructor({ line, comings, room, messages, names, wanted }) {
    this.#line = line;
    this.#comings = comings;
    this.#messages = messages;
    this.#names = names;
    this.#wanted = wanted;
    for (const name of ["joined", "left", "renamed"]) {
      room.on(name, ({ member, was }) => {
        comings[name](member, was);
        this.#later();
      });
    }
    room.on("out", () => this.clear());
    messages.on("appended", (view) => this.#moveTo(view));
  }

  clear() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#comings.clear();
    this.#line.textContent = "";
  }

  #later() {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#names.say(this.#line, this.#said);
    }, SETTLE_MS);
  }

  get #said() {
    return this.#comings.said(this.#wanted());
  }

  #moveTo(view) {
    const said = this.#said;
    if (said.sentence) {
      view.precede(said);
      this.#messages.refresh(view);
    }
    this.clear();
  }
}
