// Lets a reader report a message to whoever looks after the room.

import { whyNot } from "./refusals.js";

const QUOTED = 140; // characters of the message

export const reportBox = (page) => new ReportBox(page);

class ReportBox {
  #dialog;
  #page;
  #target = null;
  #words;

  constructor(page) {
    this.#page = page;
    this.#dialog = page.byId("report-box");
    this.#words = page.byId("report-words");
    this.#dialog.addEventListener("click", ({ target }) => {
      if (target === this.#dialog || target.closest("[data-close]")) this.#dialog.close();
    });
    this.#dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#report();
    });
  }

  open({ seq, member, text }) {
    const { room, names, strings } = this.#page;
    this.#target = seq;
    this.#words.value = "";
    const signs = Array.from(text);
    const cut = signs.length > QUOTED ? `${signs.slice(0, QUOTED - 1).join("")}…` : text;
    this.#part("quote").textContent = `${names.text(member)} : ${cut}`;
    this.#part("who").textContent = strings.say(room.standing.made ? "reportToOwners" : "reportToOperator");
    this.#say("");
    this.#dialog.showModal();
    this.#words.focus();
  }

  #part(name) {
    return this.#dialog.querySelector(`[data-part=${name}]`);
  }

  async #report() {
    const { room, notice, strings } = this.#page;
    this.#say("");
    try {
      await room.ask({ type: "report", target: this.#target, text: this.#words.value.trim() });
    } catch (error) {
      if (error instanceof Error) throw error;
      return this.#say(whyNot(error, this.#page));
    }
    this.#dialog.close();
    notice.show(strings.say("reported"));
  }

  #say(words) {
    this.#dialog.querySelector("[role=alert]").textContent = words;
  }
}
