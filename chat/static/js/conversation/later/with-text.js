// Wires what shows the text of messages with its markup, what messages offer, and what helps to write.

import { Copying } from "./copying.js";
import { Printing } from "./printing.js";
import { Completion } from "../../writing/later/completion.js";
import { Emoji } from "../../writing/later/emoji.js";
import { EmojiButton } from "../../writing/later/emoji-button.js";
import { keepLines } from "../../writing/later/paste.js";
import { NickCompletion } from "../../writing/later/nick-completion.js";
import { RichText } from "./rich-text.js";
import { withMessages } from "./with-messages.js";

export function withText(page) {
  const { byId, everywhere, parts, missing, nicks, names, strings, dates, redraw } = page;
  const emoji = new Emoji(byId("composer").dataset.emoji);
  const spoken = byId("spoken");
  const area = byId("text");
  const sources = [new NickCompletion(nicks, names), emoji];
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
  const messages = page.messages();
  withMessages({ ...page, messages });
  new Copying({ content: byId("content"), messages, selection: page.selection, names, strings });
  new Printing({ place: byId("printed"), messages, dates, strings });
  return new RichText({ nicks, emoji, strings, spoken, redraw });
}
