// A form that asks for a nick: on entering, and on changing it later.

import { isolate, write } from "../base/strings.js";

export const NICK_LIMIT = 32; // code points, as the server counts

const REASONS = {
  nick_taken: "nickTaken",
  nick_invalid: "nickInvalid",
  room_invalid: "roomInvalid",
  rate_limited: "tooFast",
  storage_unavailable: "stateStorage",
};

export class NickField {
  #form;
  #input;
  #submit;
  #error;
  #suggestion;
  #own;
  #ownWords;
  #strings;
  #chosen;
  #owns;

  // `chosen(nick)` is called with the nick that somebody wants; `owns(nick)` says whether it is
  // theirs already, as far as this device knows.
  constructor({ form, strings, chosen, owns = () => false }) {
    this.#form = form;
    this.#input = form.querySelector("input");
    this.#submit = form.querySelector("[type=submit]");
    this.#error = form.querySelector(".nick-error");
    this.#suggestion = form.querySelector(".nick-suggestion");
    this.#own = form.querySelector(".nick-own");
    this.#ownWords = this.#own?.textContent;
    this.#strings = strings;
    this.#chosen = chosen;
    this.#owns = owns;
    this.#input.addEventListener("input", () => this.#tell());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submitted();
    });
    this.#suggestion.addEventListener("click", () => {
      this.#input.value = this.#suggestion.value;
      this.#submitted();
    });
  }

  offer(nick) {
    this.#input.value = nick;
    this.#tell();
  }

  // Say whose the nick in the field is. A description that is only hidden would still be read aloud.
  #tell() {
    if (!this.#own) return;
    const nick = this.#input.value;
    const isOwn = nick.trim() !== "" && this.#owns(nick);
    this.#own.hidden = !isOwn;
    this.#own.textContent = isOwn ? this.#ownWords : "";
  }

  clear() {
    this.#say("");
    this.busy = false;
  }

  focus() {
    this.#input.focus();
    this.#input.select();
  }

  set busy(busy) {
    this.#form.setAttribute("aria-busy", busy);
    this.#submit.disabled = busy;
  }

  refuse({ code, suggest }) {
    this.busy = false;
    this.#say(this.#strings.say(REASONS[code] ?? "nickRefused"), suggest);
    this.#input.focus();
  }

  #submitted() {
    const nick = this.#input.value.trim().replace(/\s+/g, " ").normalize("NFC");
    const length = Array.from(nick).length;
    if (length === 0) return this.refuse({ code: "nick_invalid" });
    if (length > NICK_LIMIT) return this.refuse({ code: "nick_invalid" });
    this.#say("");
    this.busy = true;
    this.#chosen(nick);
  }

  #say(reason, suggest) {
    this.#error.textContent = reason;
    this.#input.toggleAttribute("aria-invalid", reason !== "");
    if (reason) this.#input.setAttribute("aria-invalid", "true");
    this.#suggestion.hidden = !suggest;
    this.#suggestion.value = suggest ?? "";
    const nick = isolate(suggest ?? "");
    write(this.#suggestion, suggest ? this.#strings.say("takeNick", { nick }) : "");
  }
}
