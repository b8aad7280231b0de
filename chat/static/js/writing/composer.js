// The form in which messages are written. It is never disabled: a message that cannot be sent yet
// waits in the list.

const COUNTED = 200; // the last characters before the limit are counted down

export class Composer {
  #form;
  #area;
  #counter;
  #store;
  #name;
  #strings;
  #post;
  #typed;

  // `post(text)` says whether it took the text; `typed()` is called at every change.
  constructor({ form, store, room, strings, limit, post, typed }) {
    this.#form = form;
    this.#area = form.querySelector("textarea");
    this.#counter = form.querySelector("output");
    this.#store = store;
    this.#name = `draft:${room}`;
    this.#strings = strings;
    this.#post = post;
    this.#typed = typed;
    this.limit = limit;
    this.#area.value = store.read(this.#name, (value) => typeof value === "string") ?? "";
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#area.addEventListener("keydown", (event) => this.#pressed(event));
    this.#area.addEventListener("input", () => {
      this.#changed();
      this.#typed();
    });
    this.#changed();
  }

  focus() {
    this.#area.focus();
  }

  // Take back a text, and put it before the text that is being written.
  take(text) {
    this.#area.value = [text, this.#area.value].filter(Boolean).join("\n");
    this.#changed();
    this.#area.focus();
    this.#area.setSelectionRange(text.length, text.length);
  }

  refit() {
    if (CSS.supports("field-sizing", "content")) return;
    this.#area.style.blockSize = "auto";
    this.#area.style.blockSize = `${this.#area.scrollHeight + 2}px`;
  }

  // Enter also ends a composition (Japanese, Chinese, dead keys). Then it sends nothing. In
  // Safari, only the key code tells this.
  #pressed(event) {
    const composing = event.isComposing || event.keyCode === 229;
    if (event.key !== "Enter" || event.shiftKey || composing) return;
    event.preventDefault();
    if (!event.repeat) this.#send();
  }

  #send() {
    const text = clean(this.#area.value);
    if (!/[^\p{C}\p{Z}]/u.test(text) || this.#left(text) < 0) return;
    if (!this.#post(text)) return;
    this.#area.value = "";
    this.#changed();
    this.#area.focus();
  }

  #left(text) {
    return this.limit - Array.from(text).length;
  }

  #changed() {
    this.#store.write(this.#name, this.#area.value);
    const left = this.#left(clean(this.#area.value));
    const shown = left <= COUNTED;
    this.#counter.textContent = !shown
      ? ""
      : left < 0
        ? this.#strings.count("charactersOver", -left)
        : this.#strings.count("charactersLeft", left);
    this.#form.classList.toggle("over", left < 0);
    this.#area.setAttribute("aria-invalid", left < 0);
    this.refit();
  }
}

// Half a surrogate pair cannot be sent as UTF-8; it becomes U+FFFD, as everywhere on the web.
function clean(text) {
  return new TextDecoder().decode(new TextEncoder().encode(text)).trim();
}
