// Writes a conversation as one HTML file that needs no network and runs no script. Each function
// gives a string. All that people wrote goes through `escaped` or `plainHtml`.

import { sameDay, within5Minutes } from "../../base/dates.js";
import { hueOf, initials } from "../../people/mark.js";
import { escaped } from "./plain-html.js";

// Even if something else could get into the file, a browser runs and fetches nothing for it.
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const LONG_AGO = new Date(0); // seen from here, no day is « today », and each has its year

// `sheet`: the rules of css/copy.css; `about`: sentences under the title.
export function opening({ language, title, sheet, about }) {
  return `<!doctype html>
<html lang="${escaped(language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escaped(title)}</title>
<style>
${sheet.replaceAll("</", "<\\/")}
</style>
</head>
<body>
<header>
<h1><bdi>${escaped(title)}</bdi></h1>
${about.map((sentence) => `<p>${escaped(sentence)}</p>`).join("\n")}
</header>
<main>
`;
}

export const closing = "</main>\n</body>\n</html>\n";

// Writes messages one after the other, oldest first. It knows the message before, so that days and
// groups are as on the page.
export class CopyHtml {
  #page;
  #has;
  #before = null;
  #since = null; // when the first message of the group was written

  // `page`: { dates, names, strings }; `has(seq)`: whether the copy has this message.
  constructor({ has, ...page }) {
    this.#page = page;
    this.#has = has;
  }

  // `text`: the HTML of its text.
  message(message, text) {
    const at = new Date(message.at);
    const isNewDay = !this.#before || !sameDay(new Date(this.#before.at), at);
    const isGrouped = !isNewDay && this.#continues(message, at);
    const day = isNewDay ? this.#day(at) : "";
    if (!isGrouped) this.#since = at;
    this.#before = message;
    return day + this.#item(message, at, { text, isGrouped });
  }

  // After the last message.
  end() {
    return this.#before ? "</ol>\n" : "";
  }

  #continues({ member }, at) {
    const { id, nick } = this.#before.member;
    return member.id === id && member.nick === nick && within5Minutes(this.#since, at);
  }

  #day(at) {
    return `${this.end()}<h2><span>${escaped(this.#page.dates.day(at, LONG_AGO))}</span></h2>\n<ol>\n`;
  }

  #item(message, at, { text, isGrouped }) {
    const { seq, member, removed } = message;
    const mark = `<span class="mark" aria-hidden="true">${escaped(initials(member.nick))}</span>`;
    const body = removed ? this.#gone() : `<div class="text" lang="">${text}</div>`;
    const name = `message hue-${hueOf(member.id)}${isGrouped ? " grouped" : ""}`;
    const parts = [mark, this.#head(message, at), this.#quote(message), body];
    return `<li class="${name}" id="m${Number(seq)}">${parts.join("")}</li>\n`;
  }

  #head({ member, edited, removed }, at) {
    const { dates } = this.#page;
    const time = `<time datetime="${at.toISOString()}" title="${escaped(dates.full(at))}">${escaped(dates.time(at))}</time>`;
    return `<p class="head">${this.#nick(member)} ${time}${edited && !removed ? this.#edited(edited) : ""}</p>`;
  }

  #edited(edited) {
    const { dates, strings } = this.#page;
    const when = escaped(dates.full(new Date(edited)));
    return ` <span class="edited" title="${when}">${escaped(strings.say("copyEdited"))}</span>`;
  }

  #nick(member) {
    const tag = this.#page.names.tag(member);
    const nick = `<bdi class="nick">${escaped(member.nick)}</bdi>`;
    return tag ? `${nick}<span class="tag">${escaped(tag)}</span>` : nick;
  }

  // The line above an answer: whom and what it answers.
  #quote({ reply, removed }) {
    if (!reply || removed) return "";
    const words = reply.removed || !reply.member ? this.#gone("span") : `<span>${escaped(reply.text)}</span>`;
    const whose = reply.member && !reply.removed ? `${this.#nick(reply.member)} ` : "";
    const hue = whose ? ` hue-${hueOf(reply.member.id)}` : "";
    const line = `${whose}${words}`;
    return this.#has(reply.seq)
      ? `<p class="quote${hue}"><a href="#m${Number(reply.seq)}">${line}</a></p>`
      : `<p class="quote${hue}">${line}</p>`;
  }

  #gone(name = "p") {
    return `<${name} class="gone">${escaped(this.#page.strings.say("copyRemoved"))}</${name}>`;
  }
}
