// Draws a text with its markup. All that was written is in the elements, in order; marks are in
// hidden ones (`written()` reads it back). No HTML is made of a text.

import { written } from "../written.js";
import { hostOf, piecesOf } from "./addresses.js";
import { parse } from "./markdown.js";

// Gives null if the text should be shown as it was written.
export function render(text) {
  const tokens = parse(text);
  if (!tokens) return null;
  const fragment = document.createDocumentFragment();
  draw(tokens, fragment);
  for (const block of fragment.childNodes) block.dir = "auto"; // text.css has the lines' directions
  return written(fragment) === text ? fragment : null;
}

function draw(tokens, parent) {
  const open = [parent];
  for (const token of tokens) {
    const within = open.at(-1);
    if (token.type === "inline") draw(token.children, within);
    else if (token.nesting > 0) open.push(begin(token, within));
    else if (token.nesting < 0) end(token, open.pop());
    else within.append(...LEAVES[token.type](token));
  }
}

function begin({ tag, type, markup }, parent) {
  const element = make(tag);
  if (type === "link") element.dir = "auto"; // its words do not turn what follows
  if (type === "list") element.setAttribute("role", "list"); // for Safari, as it has no bullets
  if (markup) element.append(sign(markup));
  parent.append(element);
  return element;
}

function end({ markup, meta }, element) {
  if (markup) element.append(sign(markup));
  if (meta) nameHost(element, meta);
}

// The words of a link may say anything, so its host stands beside them.
function nameHost(link, { url, address }) {
  leadTo(link, url);
  const host = make("bdi", "host");
  host.dir = "ltr";
  host.dataset.unwritten = "";
  host.append(` (${hostOf(address, url)})`);
  link.append(host);
}

const LEAVES = {
  text: ({ content }) => [content],
  sign: ({ markup }) => [sign(markup)],
  mark: ({ content }) => [make("span", "item", content)],
  code: ({ content, markup }) => [sign(markup), make("code", "", content), sign(markup)],
  emoji: ({ content, info }) => {
    const element = make("span", "", content);
    element.dataset.code = info;
    return [element];
  },
  fence: ({ content, info }) => {
    const pre = make("pre");
    pre.append(make("code", info && `language-${info}`, content));
    return [pre];
  },
  address: ({ content, meta: url }) => {
    const link = make("a");
    link.dir = "ltr";
    leadTo(link, url);
    link.append(...piecesOf(content, url).map(({ written, drawn }) => piece(written, drawn)));
    return [link];
  },
};

function piece(written, drawn) {
  if (written === drawn) return written;
  const element = make("span", "", drawn);
  element.dataset.written = written;
  return element;
}

function sign(text) {
  const element = make("span", "sign", text);
  element.hidden = true;
  return element;
}

// A link tells no other site where it was clicked.
function leadTo(link, { href }) {
  link.href = href;
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
}

function make(tag, name = "", text = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text) element.append(text);
  return element;
}
