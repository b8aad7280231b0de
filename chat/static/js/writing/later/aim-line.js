// Says above the composer what is written there: an answer, and to which message, or another text of
// a message. Knows the keys for it: Escape ends it, ArrowUp in an empty composer edits the own last
// message.

import { fillQuote } from "../../conversation/quote.js";
import { mayEdit, startEdit } from "../../conversation/later/actions.js";

export class AimLine {
  #box;
  #button;
  #composer;
  #page;
  #words;

  // `button`: the one that sends; `page`: { names, muted, strings }.
  constructor({ box, area, button, composer, messages, room, queue, ...page }) {
    this.#box = box;
    this.#button = button;
    this.#composer = composer;
    this.#page = page;
    this.#words = button.textContent;
    box.querySelector("button").addEventListener("click", () => composer.cancel());
    composer.on("aim", () => this.#draw());
    area.addEventListener("keydown", (event) => {
      const { key, altKey, ctrlKey, metaKey, shiftKey, isComposing } = event;
      if (event.defaultPrevented || isComposing || altKey || ctrlKey || metaKey || shiftKey) return;
      if (key === "Escape" && (composer.isEditing || composer.reply)) composer.cancel();
      else if (key === "ArrowUp" && composer.isEmpty && !composer.reply) {
        const waiting = queue.posts.findLast(({ type, open }) => type === "post" && open === 0);
        const view = messages.views.findLast((each) => isEditable(each, room));
        if (waiting) composer.edit({ post: waiting.id }, waiting.text);
        else if (view) startEdit(view.message, { queue, composer });
        else return;
      } else return;
      event.preventDefault();
    });
    room.on("edited", () => this.#draw());
    room.on("removed", ({ target }) => this.#removed(target));
    this.#draw();
  }

  // What is answered is gone, so it is a message of its own now.
  #removed(seq) {
    if (this.#composer.reply?.seq === seq) this.#composer.cancel();
  }

  #draw() {
    const { reply, isEditing } = this.#composer;
    const { strings } = this.#page;
    const words = this.#box.querySelector("p");
    this.#box.hidden = !reply && !isEditing;
    this.#button.textContent = isEditing ? strings.say("saveEdit") : this.#words;
    words.className = "quote";
    if (isEditing) words.replaceChildren(wrapped(strings.say("editing")));
    else if (reply) fillQuote(words, reply, this.#page);
  }
}

function isEditable({ message }, room) {
  return message.member.id === room.member?.id && !message.removed && mayEdit(message, room);
}

function wrapped(words) {
  const element = document.createElement("span");
  element.textContent = words;
  return element;
}
