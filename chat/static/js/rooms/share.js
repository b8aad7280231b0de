// Shows the room's link, and copies it when a button is pressed.

const SAID_MS = 2_000;

export class Share {
  #link = location.origin + location.pathname;
  #dialog;
  #spoken;
  #strings;

  // `dialog()` fetches the box that shows the link.
  constructor({ buttons, texts, dialog, spoken, strings }) {
    this.#dialog = dialog;
    this.#spoken = spoken;
    this.#strings = strings;
    for (const text of texts) text.textContent = this.words;
    for (const button of buttons) this.serve(button);
  }

  // Let a button copy the link.
  serve(button) {
    button.addEventListener("click", () => this.#copy(button));
  }

  get link() {
    return this.#link;
  }

  // The link as people write it. The copied link is encoded, so that every program understands it.
  get words() {
    return decodeURI(this.#link);
  }

  // The Clipboard API exists only on https and localhost. Elsewhere a dialog shows the link,
  // already selected.
  async #copy(button) {
    try {
      await navigator.clipboard.writeText(this.#link);
    } catch {
      return this.#show();
    }
    const label = button.querySelector(".label") ?? button; // beside an icon, if there is one
    const words = label.textContent;
    const copied = this.#strings.say("linkCopied");
    if (words === copied) return;
    label.textContent = copied;
    button.classList.add("copied");
    this.#spoken.textContent = copied;
    setTimeout(() => {
      label.textContent = words;
      button.classList.remove("copied");
      this.#spoken.textContent = "";
    }, SAID_MS);
  }

  async #show() {
    const dialog = await this.#dialog();
    if (!dialog) return;
    dialog.querySelector("[data-close]").onclick = () => dialog.close();
    const input = dialog.querySelector("input");
    input.value = this.#link;
    dialog.showModal();
    input.focus();
    input.select();
  }
}
