// Says that the server has a newer page, and offers it. Nobody has to take it: the page that is
// open goes on.

export class UpdateOffer {
  #box;
  #strings;

  constructor({ box, strings, reload }) {
    this.#box = box;
    this.#strings = strings;
    const [now, later] = box.querySelectorAll("button");
    now.addEventListener("click", reload);
    later.addEventListener("click", () => this.withdraw());
  }

  make() {
    this.#show("updateReady");
  }

  // The page has asked for a part of itself that the server no longer has.
  insist() {
    this.#show("partGone");
  }

  withdraw() {
    this.#box.hidden = true;
    this.#box.querySelector("p").textContent = "";
  }

  #show(sentence) {
    this.#box.hidden = false;
    this.#box.querySelector("p").textContent = this.#strings.say(sentence);
  }
}
