// Writes a message as plain text: « [2026-02-01 14:05] Ada: text ».

const BREAKS = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/g;
const COLON = /[:\u02d0\u2236\ua789\ufe13\ufe55\uff1a]/; // and what looks like one

const two = (number) => String(number).padStart(2, "0");

// Writes the reader's own time in a form that means the same in every language.
function moment(date) {
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

// No text and no nick can look like another entry. All lines of a message but the first are
// indented. A nick that has a colon itself is in quotation marks.
export function entry({ member, text, at, removed }, { names, strings }) {
  const nick = member.nick.replace(BREAKS, " ");
  const written = COLON.test(nick) ? `"${nick}"` : nick;
  return strings.say("textLine", {
    when: moment(new Date(at)),
    nick: `${written} ${names.tag(member)}`.trimEnd(),
    text: removed ? strings.say("removed") : text.replace(BREAKS, "\n    "),
  });
}
