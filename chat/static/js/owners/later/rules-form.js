// The switches of the room's rules. Each counts as soon as it is changed, and goes back if the server
// refuses it.

import { EndChoice } from "./end-choice.js";

export class RulesForm {
  #form;
  #ask;
  #ends;
  #rules = null;

  constructor({ form, ask, ...page }) {
    this.#form = form;
    this.#ask = ask;
    this.#ends = new EndChoice({ ...page, field: form.querySelector("[data-part=ends]") });
    this.#of("write").addEventListener("change", ({ target }) => {
      this.#set({ write: target.checked ? "owners" : "all" });
    });
    this.#of("locked").addEventListener("change", ({ target }) => this.#set({ locked: target.checked }));
    this.#of("pace_s").addEventListener("change", ({ target }) => this.#set({ pace_s: Number(target.value) }));
    this.#ends.on("chosen", (ends_at) => this.#set({ ends_at }));
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  draw(rules) {
    this.#rules = rules;
    this.#of("write").checked = rules.write === "owners";
    this.#of("locked").checked = rules.locked;
    this.#choosePace(rules.pace_s);
    this.#ends.draw(rules.ends_at);
  }

  #of(name) {
    return this.#form.querySelector(`[name=${name}]`);
  }

  // Somebody may have chosen a pace that is not in the list.
  #choosePace(pace) {
    const select = this.#of("pace_s");
    const options = [...select.options];
    options.find((each) => "other" in each.dataset)?.remove();
    if (!options.some(({ value }) => Number(value) === pace)) {
      const other = new Option(`${pace} s`, pace);
      other.dataset.other = "";
      select.append(other);
    }
    select.value = String(pace);
  }

  async #set(rules) {
    const answer = await this.#ask({ type: "rules", ...rules });
    if (!answer) this.draw(this.#rules);
  }
}
