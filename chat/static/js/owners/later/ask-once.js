// A button for what cannot be undone. The first press asks, in the button itself, and the second one
// does it. Whatever else gets the focus takes the question back.

export class AskOnce {
  #button;
  #words;
  #page;
  #isAsked = false;

  // `question()`: what the button then says; `warn(words)` shows what follows from it, "" for
  // nothing; `warning`: those words; `act()` does it.
  constructor(button, page) {
    this.#button = button;
    this.#words = button.textContent;
    this.#page = page;
    button.addEventListener("click", () => (this.#isAsked ? this.#act() : this.#ask()));
    button.addEventListener("blur", () => this.calm());
  }

  // Take the question back.
  calm() {
    if (!this.#isAsked) return;
    this.#isAsked = false;
    this.#button.classList.remove("asked");
    this.#button.textContent = this.#words;
    this.#page.warn("");
  }

  #ask() {
    this.#isAsked = true;
    this.#button.classList.add("asked");
    this.#button.textContent = this.#page.question;
    this.#page.warn(this.#page.warning);
  }

  async #act() {
    this.calm();
    this.#button.disabled = true;
    await this.#page.act();
    this.#button.disabled = false;
  }
}
