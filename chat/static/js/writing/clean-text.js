// Gives a text as the server keeps it (clean_text in chat/protocol.py), so that a post that waits
// looks as it will in the log. tests/corpus/texts.json has what both must agree on.

const BREAKS = /\r\n?|[\u2028\u2029]/g; // line breaks of other systems
const CONTROLS = /[\0-\x08\x0b-\x1f\x7f-\x9f]/g; // all but tabs and line feeds
const BLANK_LINES = /^[^\S\ufeff]*\n/; // before a text; for Python, U+FEFF is no white space
const SPACE = /[^\S\ufeff]/;

// Half a surrogate pair cannot be sent as UTF-8; it becomes U+FFFD, as everywhere on the web.
export function cleanText(text) {
  const whole = new TextDecoder("utf-8", { ignoreBOM: true }).decode(new TextEncoder().encode(text));
  const clean = whole.replace(BREAKS, "\n").replace(CONTROLS, "").replace(BLANK_LINES, "");
  let end = clean.length;
  while (end > 0 && SPACE.test(clean[end - 1])) end -= 1;
  return clean.slice(0, end);
}

// Whether anything of a text can be seen.
export function hasInk(text) {
  return /[^\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/u.test(text);
}
