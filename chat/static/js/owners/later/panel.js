// The owners' panel: what holds in the room, who may not write or come, what was reported and done,
// the owners' link, and the end. Each switch says what follows from it.

import { AskOnce } from "./ask-once.js";
import { AuditList } from "./audit-list.js";
import { HeldList } from "./held-list.js";
import { KeySection } from "./key-section.js";
import { RulesForm } from "./rules-form.js";
import { whyNot } from "./refusals.js";
import { HOME } from "../../rooms/room-name.js";

export const panel = (page) => new Panel(page);

class Panel {
  #dialog;
  #page;
  #rules;
  #held;
  #acts;
  #reports;
  #everywhere;
  #key;
  #end;
  #said;

  constructor(page) {
    const dialog = page.byId("owners");
    const part = (name) => dialog.querySelector(`[data-part=${name}]`);
    this.#dialog = dialog;
    this.#page = page;
    this.#said = part("said");
    const say = (words) => this.#say(words);
    const ask = (command) => this.#ask(command);
    const goTo = (seq) => this.#goTo(seq);
    this.#rules = new RulesForm({ ...page, form: part("rules"), ask });
    this.#held = new HeldList({ ...page, section: part("held"), ask });
    const asked = (values) => page.room.ask({ type: "audit", ...values });
    const list = { ...page, asked, say, goTo };
    this.#acts = new AuditList({ ...list, section: part("acts") });
    this.#reports = new AuditList({ ...list, section: part("reports"), only: "report" });
    this.#everywhere = new AuditList({ ...list, section: part("everywhere"), isOfAll: true });
    const link = location.origin + location.pathname;
    this.#key = new KeySection({ ...page, section: part("key"), link, ask, say });
    this.#end = new AskOnce(part("end-button"), {
      question: page.strings.say("endSure"),
      warning: page.strings.say("endWarning"),
      warn: (words) => (part("end-warning").textContent = words),
      act: () => ask({ type: "end" }),
    });
    dialog.addEventListener("click", ({ target }) => {
      if (target === dialog || target.closest("[data-close]")) dialog.close();
    });
    dialog.addEventListener("close", () => this.#calm());
    for (const news of ["welcome", "rules"]) page.room.on(news, () => dialog.open && this.#draw());
    page.room.on("acted", ({ deed }) => dialog.open && this.#acted(deed));
    page.room.on("ended", () => dialog.close());
  }

  open() {
    this.#say("");
    this.#draw();
    this.#dialog.showModal();
    this.#dialog.scrollTop = 0;
    void this.#fetch();
  }

  #draw() {
    const { room, name, strings } = this.#page;
    const { owner, operator, made, rules } = room.standing;
    const part = (of) => this.#dialog.querySelector(`[data-part=${of}]`);
    part("who").textContent = strings.say(operator ? "youAreOperator" : owner ? "youAreOwner" : "ownerNoMore");
    part("inside").hidden = !owner;
    part("end").hidden = name === HOME;
    part("everywhere").hidden = !operator;
    part("key").hidden = !made;
    this.#rules.draw(rules);
    this.#key.draw();
  }

  // The newest acts and who is held; the lists of reports are made of acts too.
  async #fetch() {
    const { owner, operator } = this.#page.room.standing;
    if (!owner) return;
    const acts = await this.#acts.fetch();
    if (acts) this.#held.draw(acts.bars);
    if (acts) this.#reports.begin(acts);
    if (operator) await this.#everywhere.fetch();
  }

  #acted(deed) {
    this.#acts.add(deed);
    if (deed.what === "report") this.#reports.add(deed);
    this.#held.acted(deed);
  }

  // Gives the answer, or null after it has said why there is none.
  async #ask(command) {
    const { room, strings, dates } = this.#page;
    try {
      const answer = await room.ask(command);
      this.#say("");
      return answer;
    } catch (error) {
      if (error instanceof Error) throw error;
      this.#say(whyNot(error, { strings, dates }));
      return null;
    }
  }

  #goTo(seq) {
    this.#dialog.close();
    this.#page.history.goTo(seq);
  }

  #say(words) {
    this.#said.textContent = words;
    if (words) this.#said.scrollIntoView({ block: "nearest" });
  }

  #calm() {
    this.#end.calm();
    this.#key.hide();
  }
}
