// A form that asks for a nick: on entering, and on changing it later.

import { waitUntil } from "../base/dates.js";
import { isolate, write } from "../base/strings.js";
import { NICK_LIMIT } from "./nick-limit.js";

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
  #timer;

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

  refuse({ code, suggest, retry_after }) {
    this.busy = false;
    this.#input.focus();
    if (code === "rate_limited" && retry_after) return this.#wait(retry_after * 1000);
    this.#say(this.#strings.say(REASONS[code] ?? "nickRefused"), { suggest });
  }

  // The page enters by itself, a little later, under the nick that was chosen last.
  delay() {
    this.busy = false;
    this.#say(this.#strings.say("entryLater"), { isWrong: false });
  }

  // The sentence stays as long as it is true. A screen reader reads it once.
  #wait(ms) {
    this.#say(this.#strings.say("nickLater", { wait: waitUntil(Date.now() + ms) }), { isWrong: false });
    this.#timer = setTimeout(() => this.#say(""), ms);
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

  #say(reason, { suggest, isWrong = reason !== "" } = {}) {
    clearTimeout(this.#timer);
    this.#error.textContent = reason;
    if (isWrong) this.#input.setAttribute("aria-invalid", "true");
    else this.#input.removeAttribute("aria-invalid");
    this.#suggestion.hidden = !suggest;
    this.#suggestion.value = suggest ?? "";
    const nick = isolate(suggest ?? "");
    write(this.#suggestion, suggest ? this.#strings.say("takeNick", { nick }) : "");
  }
}
