// The keys of a message that has the keyboard's focus: R answers it, E edits it. Everywhere else
// letters are for writing.

import { mayEdit, quoteFrom, startEdit } from "./actions.js";

export function withMessageKeys({ list, messages, room, queue, composer }) {
  list.addEventListener("keydown", (event) => {
    const { key, target, altKey, ctrlKey, metaKey, shiftKey } = event;
    if (altKey || ctrlKey || metaKey || shiftKey || !target.matches(".message:focus-visible")) return;
    const message = messages.viewOf(target)?.message;
    if (!message || message.removed) return;
    const isMine = message.member.id === room.member?.id;
    if (key.toLowerCase() === "r") composer.answer(quoteFrom(message));
    else if (key.toLowerCase() === "e" && isMine && mayEdit(message, room)) {
      startEdit(message, { queue, composer });
    } else return;
    event.preventDefault();
  });
}
