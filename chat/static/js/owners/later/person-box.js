// What owners may do to one person: let them not write, or not come in, for a time.

import { whyNot } from "./refusals.js";

const [MINUTE, HOUR, DAY] = [60, 3600, 86_400];
const TIMES = {
  mute: [10 * MINUTE, HOUR, DAY, 7 * DAY],
  put_out: [10 * MINUTE, HOUR, DAY, 7 * DAY, 30 * DAY],
};
const DONE = { mute: "silenced", put_out: "putOut" };

export const personBox = (page) => new PersonBox(page);

class PersonBox {
  #dialog;
  #page;
  #member = null;

  constructor(page) {
    this.#page = page;
    this.#dialog = page.byId("person-box");
    for (const what of Object.keys(TIMES)) this.#wire(what);
    this.#dialog.addEventListener("click", ({ target }) => {
      if (target === this.#dialog || target.closest("[data-close]")) this.#dialog.close();
    });
    page.room.on("acted", ({ deed }) => this.#acted(deed));
    page.room.on("ended", () => this.#dialog.close());
  }

  open(member) {
    const { names, strings } = this.#page;
    this.#member = member;
    const title = this.#dialog.querySelector("h2");
    names.say(title, { sentence: strings.say("moderateNick", { nick: "\u20680\u2069" }), members: [member] });
    this.#say("");
    for (const what of Object.keys(TIMES)) this.#hold(what, null);
    this.#dialog.showModal();
    void this.#fetch();
  }

  #form(what) {
    return this.#dialog.querySelector(`form[data-part=${what}]`);
  }

  #wire(what) {
    const form = this.#form(what);
    const { dates, strings } = this.#page;
    const select = form.querySelector("select");
    for (const seconds of TIMES[what]) {
      select.append(new Option(strings.say("forTime", { time: dates.lasting(seconds * 1000) }), seconds));
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#ask(what, Number(select.value));
    });
    form.querySelector("[data-part=now] button").addEventListener("click", () => this.#ask(what, 0));
  }

  // Show what holds for this person already.
  async #fetch() {
    const member = this.#member;
    const answer = await this.#answer({ type: "audit", limit: 1 });
    if (!answer || member !== this.#member) return;
    for (const bar of answer.bars ?? []) if (bar.member.id === member.id) this.#hold(bar.what, bar.until);
  }

  #acted({ what, member, for_s: forS, at }) {
    if (!TIMES[what] || !this.#dialog.open || member?.id !== this.#member.id) return;
    this.#hold(what, forS > 0 ? new Date(Date.parse(at) + forS * 1000) : null);
  }

  #hold(what, until) {
    const { strings, dates } = this.#page;
    const now = this.#form(what).querySelector("[data-part=now]");
    const hadFocus = now.contains(document.activeElement);
    now.hidden = !until;
    if (hadFocus && !until) this.#form(what).querySelector("select").focus();
    if (!until) return;
    const time = dates.lasting(new Date(until) - Date.now());
    now.querySelector("span").textContent = strings.say(what === "mute" ? "heldMute" : "heldOut", { time });
    now.querySelector("button").textContent = strings.say(what === "mute" ? "letWrite" : "letIn");
  }

  async #ask(what, forS) {
    const { strings, dates } = this.#page;
    const answer = await this.#answer({ type: what, member: this.#member.id, for_s: forS });
    if (!answer) return;
    const time = dates.lasting(forS * 1000);
    this.#say(strings.say(forS > 0 ? DONE[what] : "mayAgain", { time }));
    this.#hold(what, forS > 0 ? new Date(Date.now() + forS * 1000) : null);
  }

  // Gives the answer, or null after it has said why there is none.
  async #answer(command) {
    this.#say("");
    try {
      return await this.#page.room.ask(command);
    } catch (error) {
      if (error instanceof Error) throw error;
      this.#say(whyNot(error, this.#page));
      return null;
    }
  }

  #say(words) {
    this.#dialog.querySelector("[data-part=said]").textContent = words;
  }
}
