// The list of who may not write, or not come in, with the time left and a button that ends it.

const TICK_MS = 30_000; // the times that are shown

export class HeldList {
  #section;
  #list;
  #page;
  #bars = []; // { member, what, until }
  #timer;

  // `ask(command)`: asks the server, and says what it refuses.
  constructor({ section, ...page }) {
    this.#section = section;
    this.#list = section.querySelector("ul");
    this.#page = page;
    section.closest("dialog").addEventListener("close", () => clearInterval(this.#timer));
  }

  draw(bars) {
    this.#bars = bars ?? [];
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#write(), TICK_MS);
    this.#write();
  }

  // An owner has done something, perhaps to one of them.
  acted({ what, member, for_s: forS, at }) {
    if (what !== "mute" && what !== "put_out") return;
    const others = this.#bars.filter((each) => each.member.id !== member.id || each.what !== what);
    const until = new Date(Date.parse(at) + forS * 1000).toISOString();
    this.#bars = forS > 0 ? [...others, { member, what, until }] : others;
    this.#write();
  }

  #write() {
    const held = this.#list.contains(document.activeElement);
    const now = Date.now();
    this.#bars = this.#bars.filter(({ until }) => Date.parse(until) > now);
    this.#list.replaceChildren(...this.#bars.map((bar) => this.#item(bar, now)));
    if (!held) return;
    const close = this.#section.closest("dialog").querySelector("[data-close]");
    (this.#list.querySelector("button") ?? close).focus();
  }

  #item({ member, what, until }, now) {
    const { names, strings, dates, ask } = this.#page;
    const item = document.createElement("li");
    const words = document.createElement("span");
    const name = document.createElement("bdi");
    name.translate = false;
    if (member.nick) names.write(name, member);
    else name.textContent = strings.say("somebody");
    const left = dates.lasting(Date.parse(until) - now);
    const hint = document.createElement("span");
    hint.className = "hint";
    hint.textContent = strings.say(what === "mute" ? "heldMute" : "heldOut", { time: left });
    words.append(name, " ", hint);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = strings.say(what === "mute" ? "letWrite" : "letIn");
    const nick = member.nick ? names.text(member) : strings.say("somebody");
    button.setAttribute("aria-label", strings.say("letNick", { act: button.textContent, nick }));
    button.addEventListener("click", () => ask({ type: what, member: member.id, for_s: 0 }));
    item.append(words, button);
    return item;
  }
}
