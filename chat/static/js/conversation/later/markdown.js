// The part of Markdown that a chat needs, as HTML: links, emphasis, code, quotes, lists. Headings,
// tables, images and HTML stay what they are: text. What comes out is not trusted: sanitise.js
// comes after.

import MarkdownIt from "../../../vendor/markdown-it/markdown-it.js";

const SYNTAX = [
  ...["linkify", "newline", "escape", "backticks", "strikethrough", "emphasis", "link", "autolink"],
  ...["fence", "blockquote", "list"],
];
const DEEPEST = 8; // quotes and lists within each other; deeper is no longer a message

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
markdown.renderer.rules.s_open = () => "<del>"; // which is spoken too
markdown.renderer.rules.s_close = () => "</del>";

// « >_< » and « >:( » are faces: a quote has a space after its mark.
markdown.block.ruler.before("blockquote", "face", (state, line, end, silent) => {
  const start = state.bMarks[line] + state.tShift[line];
  if (!/^>+[^>\s]/.test(state.src.slice(start, state.eMarks[line]))) return false;
  return markdown.block.ruler.getRules("").at(-1)(state, line, end, silent); // a paragraph
});

// %C3%A9 is shown as the letter it is. A host in punycode stays: decoded, it could pass for
// another.
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

// Null where the text is better shown as it was written.
export function toHtml(text) {
  const tokens = markdown.parse(text, {});
  if (tokens.some(({ level }) => level > 2 * DEEPEST)) return null;
  return markdown.renderer.render(tokens, markdown.options, {});
}
