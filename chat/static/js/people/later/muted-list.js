// The list of all muted people, here or away, with a button that unmutes each of them.

export class MutedList {
  #section;
  #muted;
  #names;
  #strings;

  constructor({ section, muted, names, strings }) {
    this.#section = section;
    this.#muted = muted;
    this.#names = names;
    this.#strings = strings;
    for (const news of [muted, names]) news.on("change", () => this.#draw());
    this.#draw();
  }

  #draw() {
    this.#section.hidden = this.#muted.isEmpty;
    const held = this.#section.contains(document.activeElement);
    const items = this.#muted.all.map(([id, nick]) => this.#item(id, nick));
    this.#section.querySelector("ul").replaceChildren(...items);
    if (!held) return;
    // The button that had the focus is gone, so the next one gets it.
    const close = this.#section.closest("dialog").querySelector("[data-close]");
    (this.#section.querySelector("button") ?? close).focus();
  }

  #item(id, nick) {
    const item = document.createElement("li");
    const name = document.createElement("bdi");
    name.translate = false;
    this.#names.write(name, { id, nick });
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = this.#strings.say("unmute");
    button.setAttribute("aria-label", this.#strings.say("unmuteNick", { nick: this.#names.text({ id, nick }) }));
    button.addEventListener("click", () => this.#muted.unmute(id));
    item.append(name, button);
    return item;
  }
}
