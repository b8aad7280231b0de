// The room's link, ready to give away.

const SAID_MS = 2_000;

export class Share {
  #link = location.origin + location.pathname;
  #dialog;
  #spoken;
  #strings;

  constructor({ buttons, texts, dialog, spoken, strings }) {
    this.#dialog = dialog;
    this.#spoken = spoken;
    this.#strings = strings;
    // As people write it; what is copied is what every program understands.
    for (const text of texts) text.textContent = decodeURI(this.#link);
    for (const button of buttons) button.addEventListener("click", () => this.#copy(button));
    dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  }

  // The clipboard exists only on https and localhost: elsewhere the link is shown, selected.
  async #copy(button) {
    try {
      await navigator.clipboard.writeText(this.#link);
    } catch {
      return this.#show();
    }
    const words = button.textContent;
    const copied = this.#strings.say("linkCopied");
    if (words === copied) return;
    button.textContent = copied;
    this.#spoken.textContent = copied;
    setTimeout(() => {
      button.textContent = words;
      this.#spoken.textContent = "";
    }, SAID_MS);
  }

  #show() {
    const input = this.#dialog.querySelector("input");
    input.value = this.#link;
    this.#dialog.showModal();
    input.focus();
    input.select();
  }
}
