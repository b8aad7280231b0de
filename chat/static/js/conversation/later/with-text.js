// Wires what shows the text of messages with its markup, and what helps to write it.

import { Completion } from "../../writing/later/completion.js";
import { Emoji } from "../../writing/later/emoji.js";
import { EmojiButton } from "../../writing/later/emoji-button.js";
import { keepLines } from "../../writing/later/paste.js";
import { NickCompletion } from "../../writing/later/nick-completion.js";
import { RichText } from "./rich-text.js";

export function withText({ byId, everywhere, parts, missing, nicks, strings, redraw }) {
  const emoji = new Emoji(byId("composer").dataset.emoji);
  const spoken = byId("spoken");
  const area = byId("text");
  const sources = [new NickCompletion(nicks), emoji];
  new Completion({ area, list: byId("completions"), sources, spoken, strings });
  keepLines(area);
  new EmojiButton({
    button: byId("emoji-button"),
    panel: byId("emoji"),
    area,
    emoji,
    store: everywhere,
    strings,
    parts,
    missing,
  });
  return new RichText({ nicks, emoji, strings, spoken, redraw });
}
