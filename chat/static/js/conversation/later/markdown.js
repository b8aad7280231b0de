// Turns the part of Markdown that a chat needs into HTML: links, emphasis, code, quotes, lists.
// Headings, tables, images and HTML stay plain text. The result is not trusted: sanitise.js must
// clean it.

import MarkdownIt from "../../../vendor/markdown-it/markdown-it.js";

const SYNTAX = [
  ...["linkify", "newline", "escape", "backticks", "strikethrough", "emphasis", "link", "autolink"],
  ...["fence", "blockquote", "list"],
];
const DEEPEST = 8; // quotes and lists within each other; a deeper text is shown without markup

const markdown = new MarkdownIt("zero", { html: false, linkify: true, breaks: true });
markdown.enable(SYNTAX);
markdown.validateLink = (url) => /^https?:\/\/[^/]/i.test(url);
markdown.linkify
  .set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false })
  .add("ftp:", null)
  .add("mailto:", null)
  .add("//", null);
markdown.normalizeLinkText = readable;
markdown.renderer.rules.softbreak = markdown.renderer.rules.hardbreak = () => "<br>";
markdown.renderer.rules.s_open = () => "<del>"; // screen readers speak it too
markdown.renderer.rules.s_close = () => "</del>";

// « >_< » and « >:( » are faces and not quotes: in a quote, a space follows the « > ».
markdown.block.ruler.before("blockquote", "face", (state, line, end, silent) => {
  const start = state.bMarks[line] + state.tShift[line];
  if (!/^>+[^>\s]/.test(state.src.slice(start, state.eMarks[line]))) return false;
  return markdown.block.ruler.getRules("").at(-1)(state, line, end, silent); // a paragraph
});

// Shows %C3%A9 as the letter é. Leaves a host in punycode as it is: decoded, it could look like
// another host.
function readable(url) {
  return url.replace(/%[c-f][0-9a-f](?:%[89ab][0-9a-f])+/gi, (bytes) => {
    try {
      const letter = decodeURIComponent(bytes);
      return /^[\p{L}\p{M}\p{N}]+$/u.test(letter) ? letter : bytes;
    } catch {
      return bytes;
    }
  });
}

// Gives null if the text should be shown as it was written.
export function toHtml(text) {
  const tokens = markdown.parse(text, {});
  if (tokens.some(({ level }) => level > 2 * DEEPEST)) return null;
  return markdown.renderer.render(tokens, markdown.options, {});
}
