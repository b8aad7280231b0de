// Shows at each message what its author has asked for and is not in the log yet: another text at
// once, a removal as one that waits. If that was refused, what was there is shown again, with the
// reason.

import { TICK_MS } from "../../base/dates.js";
import { waitsLong, whyItWaits } from "../../writing/fate.js";

const OTHERS = { not_yours: "notYours", too_late: "tooLate", target_unknown: "targetUnknown" };
const WORDS = {
  edit: { waiting: "editWaiting", failed: "editFailed", others: OTHERS },
  remove: { waiting: "removeWaiting", failed: "removeFailed", others: OTHERS },
};
const PATIENCE_MS = 700; // what is done sooner needs no words

export class Wishes {
  #queue;
  #messages;
  #composer;
  #strings;
  #keep;
  #shown = new Set(); // views
  #timer;

  // `keep(change)` lets `change` alter heights without moving what is read.
  constructor({ queue, messages, composer, strings, keep }) {
    this.#queue = queue;
    this.#messages = messages;
    this.#composer = composer;
    this.#strings = strings;
    this.#keep = keep;
    queue.on("change", () => this.#draw());
    messages.on("change", () => this.#draw());
    this.#draw();
  }

  #draw() {
    clearTimeout(this.#timer);
    const seqs = new Set(this.#queue.all.map(({ target }) => target).filter(Boolean));
    const wanted = this.#messages.views.filter(({ seq }) => seqs.has(seq) && this.#queue.of(seq).length > 0);
    const gone = [...this.#shown].filter((view) => !wanted.includes(view));
    if (wanted.length === 0 && gone.length === 0) return;
    this.#shown = new Set(wanted);
    this.#keep(() => {
      for (const view of gone) {
        view.wish(undefined);
        view.setFate("");
      }
      for (const view of wanted) this.#show(view);
    });
    const items = wanted.flatMap(({ seq }) => this.#queue.of(seq));
    const isYoung = items.some((item) => age(item) < PATIENCE_MS);
    if (isYoung || items.some(waitsLong)) {
      this.#timer = setTimeout(() => this.#draw(), isYoung ? PATIENCE_MS : TICK_MS);
    }
  }

  #show(view) {
    const item = this.#queue.of(view.seq).at(-1);
    if (view.message.removed) return void this.#queue.drop(item.id);
    const isWaiting = item.state === "waiting";
    view.wish(isWaiting ? { text: item.text, removed: item.type === "remove" } : undefined);
    if (isWaiting && age(item) < PATIENCE_MS) return view.setFate("");
    view.setFate(item.state, whyItWaits(item, this.#strings, WORDS[item.type]), this.#actions(view, item), {
      edit: this.#strings.say(item.reason === "too_late" ? "takeText" : "edit"),
      drop: this.#strings.say(isWaiting ? "cancel" : "close"),
    });
  }

  #actions({ seq }, item) {
    const drop = () => this.#queue.drop(item.id);
    if (item.state === "waiting") return item.open === 0 && item.type !== "remove" ? { drop } : {};
    const retry = () => this.#queue.retry(item.id);
    if (item.type === "remove") return { retry, drop };
    const edit = () => {
      drop();
      if (item.reason === "too_late") this.#composer.take(item.text);
      else this.#composer.edit({ target: seq }, item.text);
    };
    return { edit, drop };
  }
}

const age = ({ at }) => Date.now() - Date.parse(at);
