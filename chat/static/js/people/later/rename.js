// The dialog in which a member who is in the room changes their nick.

import { NickField } from "../nick-field.js";

export class Rename {
  #dialog;
  #field;
  #room;

  constructor({ dialog, button, room, strings }) {
    this.#dialog = dialog;
    this.#room = room;
    this.#field = new NickField({
      form: dialog.querySelector("form"),
      strings,
      chosen: (nick) => this.#chosen(nick),
    });
    button.addEventListener("click", () => this.#open());
    dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
    room.on("rename refused", (error) => this.#field.refuse(error));
    room.on("renamed", ({ member }) => {
      if (member.id === room.member.id) dialog.close();
    });
    room.on("out", () => dialog.close());
    // While not joined, the page cannot ask for another nick.
    button.disabled = !room.isJoined;
    room.on("welcome", () => (button.disabled = false));
    room.on("out", () => (button.disabled = true));
  }

  #open() {
    this.#field.clear();
    this.#field.offer(this.#room.member.nick);
    this.#dialog.showModal();
    this.#field.focus();
  }

  #chosen(nick) {
    if (nick === this.#room.member.nick) this.#dialog.close();
    else if (!this.#room.rename(nick)) this.#field.busy = false;
  }
}
