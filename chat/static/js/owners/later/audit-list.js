// A list of what was done in the room, newest first, in sentences. More of it comes on demand.

import { deedWords } from "./deed-words.js";
import { whyNot } from "./refusals.js";
import { roomPath } from "../../rooms/room-name.js";
import { calledIn } from "../../rooms/room-title.js";

const PAGE = 50;
const MOST = 1_000; // lines that are shown

export class AuditList {
  #section;
  #list;
  #more;
  #page;
  #deeds = [];
  #shown = new Set(); // numbers, so that an act that is told twice is shown once

  // `asked(values)`: asks for acts; `only`: what is shown of them; `isOfAll`: reports of all rooms.
  constructor({ section, ...page }) {
    this.#section = section;
    this.#list = section.querySelector("ol");
    this.#more = section.querySelector("[data-part=more]");
    this.#page = page;
    this.#more.addEventListener("click", () => this.#fetchMore());
  }

  // Gives the answer, or null after it has said why there is none.
  async fetch() {
    const { asked, isOfAll } = this.#page;
    const answer = await this.#asked(() => asked({ limit: PAGE, ...(isOfAll && { everywhere: true }) }));
    if (answer) this.begin(answer);
    return answer;
  }

  // Show these acts, and no other ones.
  begin({ acts, more }) {
    this.#deeds = acts;
    this.#shown.clear();
    this.#list.replaceChildren();
    for (const deed of acts) this.#append(deed);
    this.#finish(more && !this.#page.isOfAll);
  }

  // It was done just now.
  add(deed) {
    if (!this.#isShown(deed)) return;
    this.#list.prepend(this.#item(deed));
    this.#finish(!this.#more.hidden);
  }

  async #fetchMore() {
    const before = this.#deeds.at(-1)?.number;
    const answer = await this.#asked(() => this.#page.asked({ before, limit: PAGE }));
    if (!answer) return;
    this.#deeds = [...this.#deeds, ...answer.acts];
    for (const deed of answer.acts) this.#append(deed);
    this.#finish(answer.more && this.#deeds.length < MOST);
  }

  async #asked(ask) {
    const { say, strings, dates } = this.#page;
    try {
      return await ask();
    } catch (error) {
      if (error instanceof Error) throw error;
      say(whyNot(error, { strings, dates }));
      return null;
    }
  }

  #isShown({ room, number, what }) {
    const { only } = this.#page;
    const place = `${room ?? ""} ${number}`;
    if (this.#shown.has(place) || (only && what !== only)) return false;
    this.#shown.add(place);
    return true;
  }

  #append(deed) {
    if (this.#isShown(deed)) this.#list.append(this.#item(deed));
  }

  #finish(more) {
    this.#more.hidden = !more;
    this.#section.querySelector("[data-part=none]").hidden = this.#list.childElementCount > 0;
  }

  #item(deed) {
    const { names, strings, dates, goTo } = this.#page;
    const item = document.createElement("li");
    const line = document.createElement("span");
    names.say(line, deedWords(deed, this.#page));
    const time = document.createElement("time");
    time.dateTime = deed.at;
    time.textContent = dates.exact(new Date(deed.at));
    item.append(line, " ", time);
    if (deed.text) item.append(said(deed.text));
    if (deed.room) item.append(this.#way(deed));
    else if (deed.target && deed.what !== "remove") item.append(button(strings.say("seeMessage"), () => goTo(deed.target)));
    return item;
  }

  // To a message in another room.
  #way({ room, target }) {
    const { root, everywhere, strings } = this.#page;
    const link = document.createElement("a");
    link.href = `${roomPath(room, root)}${target ? `#m${target}` : ""}`;
    link.translate = false;
    link.textContent = calledIn(everywhere, strings, room);
    return link;
  }
}

function said(text) {
  const words = document.createElement("q");
  words.dir = "auto";
  words.textContent = text;
  return words;
}

function button(words, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "quiet";
  made.textContent = words;
  made.addEventListener("click", act);
  return made;
}
