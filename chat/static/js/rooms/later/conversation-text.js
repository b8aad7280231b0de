// Writes the conversation as plain text: the messages that the page has, and a sentence about what
// is missing.

import { entry } from "../../conversation/later/entry.js";

// `messages`: gapless, oldest first; `isHidden(member)`: whether the reader has muted the member.
export function conversationText({ link, messages, isHidden, names, strings }) {
  const shown = messages.filter(({ member }) => !isHidden(member));
  const head = [link];
  if (messages[0]?.seq > 1) head.push(strings.say("textBegins"));
  if (shown.length < messages.length) head.push(strings.say("textMuted"));
  return [...head, "", ...shown.map((message) => entry(message, { names, strings }))].join("\n");
}
