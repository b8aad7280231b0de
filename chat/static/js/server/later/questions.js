// Finds the event that answers a command. A command with an id is answered by an entry of this
// member with the same id, or by `done`; the others by an event that repeats what was asked.

import { makeId } from "../../base/ids.js";

// The commands without an id, and the event that answers each of them.
const ANSWERS = { find: "found", audit: "audit", history: "history" };

export class Questions {
  #open = []; // { command, done, failed }

  // `send(command)` says whether it went.
  ask(command, send) {
    const asked = command.id || ANSWERS[command.type] ? command : { ...command, id: makeId() };
    return new Promise((done, failed) => {
      if (!send(asked)) return failed({ code: "out", command: asked.type });
      this.#open.push({ command: asked, done, failed });
    });
  }

  // `me`: the member who asks.
  answer(event, me) {
    this.#close(({ command }) => answers(event, command, me), ({ done }) => done(event));
  }

  // Errors without an id answer the oldest command of their type.
  refuse(error) {
    const isOf = ({ command }) =>
      error.id === undefined ? !command.id && command.type === error.command : command.id === error.id;
    this.#close(isOf, ({ failed }) => failed(error));
  }

  // No answer can come any more.
  end() {
    for (const { command, failed } of this.#open.splice(0)) failed({ code: "out", command: command.type });
  }

  #close(isAnswered, settle) {
    const index = this.#open.findIndex(isAnswered);
    if (index >= 0) settle(this.#open.splice(index, 1)[0]);
  }
}

function answers(event, command, me) {
  if (command.id) return event.id === command.id && (event.type === "done" || event.member?.id === me.id);
  if (event.type !== ANSWERS[command.type]) return false;
  return event.words === command.words && (event.before ?? null) === (command.before ?? null);
}
