// Wires what shows the text of messages with its markup, what messages offer, what helps to write, and
// all else that a page needs soon after it is in the room.

import { Copying } from "./copying.js";
import { Days } from "./days.js";
import { Far } from "./far.js";
import { LongTexts } from "./long-texts.js";
import { Printing } from "./printing.js";
import { Completion } from "../../writing/later/completion.js";
import { Emoji } from "../../writing/later/emoji.js";
import { EmojiButton } from "../../writing/later/emoji-button.js";
import { withOwners } from "../../owners/later/with-owners.js";
import { withKeys } from "../../state/later/keys.js";
import { answerFiles } from "../../writing/later/files.js";
import { keepLines } from "../../writing/later/paste.js";
import { NickCompletion } from "../../writing/later/nick-completion.js";
import { Rename } from "../../people/later/rename.js";
import { RichText } from "./rich-text.js";
import { withMessages } from "./with-messages.js";
import { withSearch } from "../../search/later/with-search.js";

// Gives { rich, long }: what fills in texts, and what folds long ones.
export function withText(page) {
  const { byId, everywhere, parts, missing, nicks, names, strings, dates, redraw } = page;
  const emoji = new Emoji(byId("composer").dataset.emoji);
  const spoken = byId("spoken");
  const area = byId("text");
  const sources = [new NickCompletion(nicks, names), emoji];
  new Completion({ area, list: byId("completions"), sources, spoken, strings });
  keepLines(area);
  const panel = byId("emoji");
  byId("composer").after(panel);
  new EmojiButton({
    button: byId("emoji-button"),
    panel,
    area,
    emoji,
    store: everywhere,
    strings,
    parts,
    missing,
  });
  const messages = page.messages();
  withMessages({ ...page, messages });
  withSearch({ ...page, ...page.inside() });
  new Copying({ content: byId("content"), messages, selection: page.selection, names, strings });
  new Printing({ place: byId("printed"), messages, dates, strings });
  new Far(messages, byId("messages"));
  new Days({ dates, messages, redraw });
  const inside = { ...page, ...page.inside() };
  const { room, notice } = inside;
  answerFiles(() => notice.show(strings.say("noFiles")));
  new Rename({ dialog: byId("rename"), button: byId("rename-button"), room, strings });
  withKeys(inside);
  withOwners(inside);
  const rich = new RichText({ nicks, emoji, strings, spoken, redraw });
  return { rich, long: new LongTexts(page) };
}
