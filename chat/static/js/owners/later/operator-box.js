// Where the operator's token is typed. This tab alone keeps it.

import { becomeOperator, leaveOperator } from "./judging.js";

export const operatorBox = (page) => new OperatorBox(page);

class OperatorBox {
  #dialog;
  #page;
  #isAsked = false;

  constructor(page) {
    const { byId, room, ownerKeys, connection, owners } = page;
    this.#page = page;
    this.#dialog = byId("operator-box");
    this.#dialog.addEventListener("click", ({ target }) => {
      if (target === this.#dialog || target.closest("[data-close]")) this.#dialog.close();
    });
    this.#dialog.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submitted();
    });
    this.#part("manage").addEventListener("click", () => {
      this.#dialog.close();
      void owners.manage();
    });
    this.#part("leave").addEventListener("click", () => {
      leaveOperator(ownerKeys);
      connection.redial();
    });
    room.on("welcome", () => this.#welcomed());
    // The page ends its connection itself, so « lost » says nothing of the server yet.
    connection.on("state", ({ name, reason }) => {
      if (name === "waiting" && reason !== "lost" && this.#isAsked) this.#say("refusedOut");
    });
  }

  open() {
    this.#draw();
    this.#answer("");
    this.#dialog.showModal();
  }

  #part(name) {
    return this.#dialog.querySelector(`[data-part=${name}]`);
  }

  get #token() {
    return this.#page.byId("operator-token");
  }

  // The page joins anew, with the token.
  #submitted() {
    const { ownerKeys, connection } = this.#page;
    const token = this.#token.value.trim();
    if (token === "") return this.#token.focus();
    becomeOperator(ownerKeys, token);
    this.#isAsked = true;
    this.#part("said").textContent = "";
    if (connection.state.name === "open") connection.redial();
    else connection.retryNow();
  }

  #welcomed() {
    if (this.#isAsked) {
      const { operator } = this.#page.room.standing;
      this.#answer(operator ? "" : "tokenWrong");
    }
    this.#draw();
  }

  #draw() {
    const { operator } = this.#page.room.standing;
    const form = this.#dialog.querySelector("form");
    const hadFocus = this.#dialog.contains(document.activeElement);
    form.hidden = operator;
    this.#part("inside").hidden = !operator;
    if (operator) this.#token.value = "";
    if (hadFocus) (operator ? this.#part("manage") : this.#token).focus();
  }

  #answer(sentence) {
    this.#isAsked = false;
    this.#say(sentence);
  }

  #say(sentence) {
    this.#part("said").textContent = sentence && this.#page.strings.say(sentence);
  }
}
