// Shows who is here: in a column beside the conversation if there is room for it, else in a sheet.

import { dressAs } from "./mark.js";

const WIDE = "(min-width: 64rem)";

export class People {
  #panel;
  #column;
  #sheet;
  #button;
  #list;
  #heading;
  #muted;
  #moderation;
  #names;
  #strings;
  #template = document.getElementById("person");
  #order;
  #people = new Map(); // member id → { member, element }
  #me = null;

  // `moderation`: { isOffered(), begin(member) }, for owners.
  constructor({ panel, column, sheet, button, muted, moderation, names, strings, language }) {
    this.#panel = panel;
    this.#column = column;
    this.#sheet = sheet;
    this.#button = button;
    this.#list = panel.querySelector("ul");
    this.#heading = panel.querySelector("h2");
    this.#muted = muted;
    this.#moderation = moderation;
    this.#names = names;
    this.#strings = strings;
    for (const news of [muted, names]) news.on("change", () => this.#dressAll());
    this.#order = new Intl.Collator(language, { numeric: true });
    button.addEventListener("click", () => sheet.showModal());
    sheet.addEventListener("click", (event) => {
      const outside = event.target === sheet;
      if (outside || event.target.closest("[data-close]")) sheet.close();
    });
    const wide = matchMedia(WIDE);
    wide.addEventListener("change", () => this.#place(wide.matches));
    this.#place(wide.matches);
  }

  reset(members, me) {
    this.#me = me;
    this.#people.clear();
    this.#list.replaceChildren();
    const sorted = [...members].sort((one, other) => this.#compare(one, other));
    for (const member of sorted) this.#list.append(this.#make(member));
    this.#count();
  }

  put(member) {
    if (member.id === this.#me.id) this.#me = member;
    this.#people.get(member.id)?.element.remove();
    const element = this.#make(member);
    const next = [...this.#list.children].find(
      (each) => this.#compare(member, this.#people.get(each.dataset.member).member) < 0,
    );
    this.#list.insertBefore(element, next ?? null);
    this.#count();
  }

  remove(member) {
    this.#people.get(member.id)?.element.remove();
    this.#people.delete(member.id);
    this.#count();
  }

  // What this reader may do with people may have changed.
  redraw() {
    this.#dressAll();
  }

  close() {
    this.#sheet.close();
  }

  // The reader comes first, then all others by nick.
  #compare(one, other) {
    if (one.id === this.#me.id) return -1;
    if (other.id === this.#me.id) return 1;
    return this.#order.compare(one.nick, other.nick);
  }

  #make(member) {
    const element = this.#template.content.firstElementChild.cloneNode(true);
    element.dataset.member = member.id;
    dressAs(element, member, this.#names);
    this.#people.set(member.id, { member, element });
    const isMe = member.id === this.#me.id;
    for (const each of element.querySelectorAll(isMe ? "button" : ".you")) each.remove();
    element.querySelector(".moderate")?.addEventListener("click", () => {
      this.#moderation.begin(this.#people.get(member.id)?.member ?? member);
    });
    element.querySelector(".mute")?.addEventListener("click", () => {
      if (this.#muted.has(member.id)) this.#muted.unmute(member.id);
      else this.#muted.mute(member);
    });
    this.#dress(member, element);
    return element;
  }

  // Show whether this reader has muted the member.
  #dress(member, element) {
    const isMuted = this.#muted.has(member.id);
    const [button, moderate] = [".mute", ".moderate"].map((name) => element.querySelector(name));
    if (!button) return;
    const nick = this.#names.text(member);
    moderate.hidden = !this.#moderation.isOffered();
    moderate.setAttribute("aria-label", this.#strings.say("moderateNick", { nick }));
    element.classList.toggle("muted", isMuted);
    button.textContent = this.#strings.say(isMuted ? "unmute" : "mute");
    const label = this.#strings.say(isMuted ? "unmuteNick" : "muteNick", { nick });
    button.setAttribute("aria-label", label);
  }

  #dressAll() {
    for (const { member, element } of this.#people.values()) this.#dress(member, element);
  }

  #count() {
    const words = this.#strings.count("people", this.#people.size);
    this.#heading.textContent = words;
    this.#button.textContent = words;
    this.#button.hidden = false;
    this.#panel.hidden = false;
  }

  #place(isWide) {
    if (isWide) this.#sheet.close();
    (isWide ? this.#column : this.#sheet).append(this.#panel);
  }
}
