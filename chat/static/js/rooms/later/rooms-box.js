// The small menu under the room's name: its link, the rooms visited lately, and a new one.

import { HOME, isRoom, roomForm, roomPath } from "../room-name.js";
import { calledIn } from "../room-title.js";

export class RoomsBox {
  #dialog;
  #input;
  #error;
  #recent;
  #room;
  #root;
  #copy;
  #page;
  #strings;

  // `link`: the room's address; `recent`: the rooms visited lately; `copy`: the button that copies
  // the conversation; `page`: what a wired part of the page gets.
  constructor({ dialog, link, recent, copy, ...page }) {
    const { name, root, strings } = page;
    this.#page = page;
    this.#dialog = dialog;
    this.#input = dialog.querySelector("input");
    this.#error = dialog.querySelector("[role=alert]");
    this.#room = name;
    this.#root = root;
    this.#recent = recent;
    this.#copy = copy;
    this.#strings = strings;
    dialog.querySelector(".link").textContent = link;
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
    });
    page.messages.on("change", () => this.#offer());
    for (const way of ["make", "keep", "manage"]) {
      page.byId(`rooms-${way}`).addEventListener("click", () => void this.#go(way));
    }
    dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submitted();
    });
  }

  open() {
    this.#input.value = "";
    this.#say("");
    this.#list();
    this.#copy.offer();
    this.#dialog.querySelector(".room-name").textContent = this.#page.called.words;
    this.#offer();
    this.#dialog.showModal();
  }

  // What owners/ offers comes with all that follows the first view.
  async #go(way) {
    const { text, owners, missing } = this.#page;
    this.#dialog.close();
    await text.prepare();
    if (owners[way]) owners[way]();
    else missing("unavailable");
  }

  #offer() {
    const { byId, messages, room } = this.#page;
    byId("rooms-keep").hidden = messages.isEmpty;
    byId("rooms-manage").hidden = room.standing.owner !== true;
  }

  #submitted() {
    const name = roomForm(this.#input.value);
    this.#say(isRoom(name) ? "" : this.#strings.say("roomInvalid"));
    if (!isRoom(name)) this.#input.focus();
    else if (name === this.#room) this.#dialog.close();
    else location.assign(roomPath(name, this.#root));
  }

  #say(reason) {
    this.#error.textContent = reason;
    if (reason) this.#input.setAttribute("aria-invalid", "true");
    else this.#input.removeAttribute("aria-invalid");
  }

  // The current room is left out, because it is named above. The home room is always in the list.
  #list() {
    const others = [...new Set([...this.#recent.all, HOME])].filter((name) => name !== this.#room);
    const section = this.#dialog.querySelector(".recent");
    section.hidden = others.length === 0;
    section.querySelector("ul").replaceChildren(...others.map((name) => this.#entry(name)));
  }

  #entry(name) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = roomPath(name, this.#root);
    link.dir = "auto";
    link.translate = false;
    link.textContent = calledIn(this.#page.everywhere, this.#strings, name);
    item.append(link);
    return item;
  }
}
