// What the room is called: by its title, or by its name. A private room's name is a key of 26
// letters, so it is never shown. Tells "change".

import { Source } from "../base/source.js";

const PRIVATE = /^[a-z2-7]{26}$/;
const MOST = 20; // rooms whose titles are kept: more than those visited lately

const isTitle = (value) => typeof value === "string" && value !== "";

export const isPrivate = (name) => PRIVATE.test(name);

// Gives what this browser calls a room.
export function calledIn(store, strings, name) {
  const title = store.read(`title:${name}`, isTitle);
  return title ?? (isPrivate(name) ? strings.say("privateRoom") : name);
}

export class RoomTitle extends Source {
  #name;
  #store;
  #strings;
  #page = document.title;
  #unread = 0;

  constructor({ name, store, strings }) {
    super();
    this.#name = name;
    this.#store = store;
    this.#strings = strings;
    this.#draw();
  }

  get words() {
    return calledIn(this.#store, this.#strings, this.#name);
  }

  // The server has told the title: "" for none.
  set(title) {
    const entry = `title:${this.#name}`;
    const before = this.words;
    if (title) {
      this.#store.write(entry, title);
      this.#store.keepLatest("title", this.#name, MOST);
    } else this.#store.remove(entry);
    if (this.words === before) return;
    this.#draw();
    this.tell("change");
  }

  // So many messages were not looked at.
  count(unread) {
    this.#unread = unread;
    this.#draw();
  }

  #draw() {
    const { words } = this;
    const count = this.#unread > 0 ? `(${this.#unread}) ` : "";
    document.title = `${count}${words} · ${this.#page}`;
    for (const place of document.querySelectorAll(".room-name")) place.textContent = words;
  }
}
