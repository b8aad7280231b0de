// Draws the line above an answer: who wrote the message that it answers, and what, in one line. A
// press leads there (later/with-messages.js).

import { hueOf } from "../people/mark.js";

// `quote`: { seq, member, text, removed }, as the server gives it; without a member it is gone.
export function quoteOf(quote, { names, muted, strings }) {
  const line = document.createElement("button");
  line.type = "button";
  line.className = "quote";
  line.dataset.unwritten = "";
  line.dataset.to = quote.seq;
  fillQuote(line, quote, { names, muted, strings });
  return line;
}

// What a muted person wrote is not shown here either.
export function fillQuote(line, { member, text, removed }, { names, muted, strings }) {
  const words = document.createElement("span");
  if (!member || removed) {
    words.className = "gone";
    words.textContent = strings.say(member ? "removed" : "quoteGone");
    return line.replaceChildren(words);
  }
  const who = document.createElement("bdi");
  who.className = "who";
  who.translate = false;
  names.write(who, member);
  line.classList.add(`hue-${hueOf(member.id)}`);
  words.lang = "";
  words.dir = "auto";
  if (!muted.has(member.id)) words.textContent = text.replace(/\s+/g, " ");
  line.replaceChildren(who, " ", words);
}
