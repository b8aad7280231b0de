// The small menu under the room's name: its link, the rooms visited lately, and a new one.

import { HOME, isRoom, roomForm, roomPath } from "../room-name.js";

export class RoomsBox {
  #dialog;
  #input;
  #error;
  #recent;
  #room;
  #root;
  #link;
  #copy;
  #strings;

  // `root`: the path of the chat; `recent`: the rooms visited lately; `copy`: the button that
  // copies the conversation.
  constructor({ dialog, room, root, link, recent, copy, strings }) {
    this.#dialog = dialog;
    this.#input = dialog.querySelector("input");
    this.#error = dialog.querySelector("[role=alert]");
    this.#room = room;
    this.#root = root;
    this.#link = link;
    this.#recent = recent;
    this.#copy = copy;
    this.#strings = strings;
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
    });
    dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submitted();
    });
  }

  open() {
    this.#input.value = "";
    this.#say("");
    this.#dialog.querySelector(".link").textContent = this.#link;
    this.#list();
    this.#copy.offer();
    this.#dialog.showModal();
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
    section.querySelector("ul").replaceChildren(...others.map((name) => entry(name, this.#root)));
  }
}

function entry(name, root) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = roomPath(name, root);
  link.dir = "auto";
  link.translate = false;
  link.textContent = name;
  item.append(link);
  return item;
}
