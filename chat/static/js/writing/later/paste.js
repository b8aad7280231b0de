// Keeps the lines of what is pasted. Browsers paste plain text. Some programs give none beside their
// HTML, or give it in one line. Then the text is taken from the HTML.

import DOMPurify from "../../../vendor/dompurify/purify.js";

import { insert } from "./completion.js";

// What stands on lines of its own, or in columns. Of all else, only the text stays.
const ALLOWED = {
  ALLOWED_TAGS: [
    ...["#text", "br", "p", "div", "pre", "blockquote", "ul", "ol", "li", "dl", "dt", "dd", "hr"],
    ...["table", "thead", "tbody", "tfoot", "tr", "td", "th", "h1", "h2", "h3", "h4", "h5", "h6"],
    ...["article", "section", "header", "footer", "address", "figure", "figcaption"],
  ],
  ALLOWED_ATTR: [],
  RETURN_DOM_FRAGMENT: true,
};

// They go before the HTML is parsed: the page's policy would report each style. A quote that nothing
// closes ends with the text, so that the search takes no longer than the text is long.
const STYLES = /<(style|script)\b[^]*?(?:<\/\1\s*>|$)/gi;
const ATTRIBUTES = /<([a-z][a-z0-9]*)(?:"[^"]*(?:"|$)|'[^']*(?:'|$)|[^"'>])*(?:>|$)/gi;

export function keepLines(area) {
  area.addEventListener("paste", (event) => {
    const plain = event.clipboardData.getData("text/plain");
    const html = event.clipboardData.getData("text/html");
    if (html === "" || /[\r\n]/.test(plain)) return;
    const text = textOf(html);
    if (text === "" || text === plain) return;
    if (plain !== "" && words(text) !== words(plain)) return;
    event.preventDefault();
    insert(area, text);
  });
}

// The browser knows where lines end once it has laid the HTML out. In a shadow tree, the page's
// style sheet does not change that.
function textOf(html) {
  const host = document.createElement("div");
  host.className = "spoken";
  host.inert = true;
  const box = document.createElement("div");
  box.append(DOMPurify.sanitize(html.replace(STYLES, "").replace(ATTRIBUTES, "<$1>"), ALLOWED));
  host.attachShadow({ mode: "open" }).append(box);
  document.body.append(host);
  const text = box.innerText.replace(/^\n+|\s+$/g, "");
  host.remove();
  return text;
}

const words = (text) => text.replace(/\s+/g, "");
