// Writes the conversation as plain text: one line for each message that the page has, and a
// sentence about what is missing.

const two = (number) => String(number).padStart(2, "0");

// Writes the reader's own time in a form that means the same in every language.
function moment(date) {
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

// All lines of a message but the first are indented, so that none of them looks like another
// message.
function line({ member, text, at }, strings) {
  const when = moment(new Date(at));
  return strings.say("textLine", { when, nick: member.nick, text: text.replace(/\n/g, "\n    ") });
}

// `messages`: gapless, oldest first; `isHidden(member)`: whether the reader has muted the member.
export function conversationText({ link, messages, isHidden, strings }) {
  const shown = messages.filter(({ member }) => !isHidden(member));
  const head = [link];
  if (messages[0]?.seq > 1) head.push(strings.say("textBegins"));
  if (shown.length < messages.length) head.push(strings.say("textMuted"));
  return [...head, "", ...shown.map((message) => line(message, strings))].join("\n");
}
