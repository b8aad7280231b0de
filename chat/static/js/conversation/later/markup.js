// A text with markup as elements: Markdown, made clean, links that tell nobody where they were
// clicked. Null where the text says more as it was written.

import { toHtml } from "./markdown.js";
import { sanitise } from "./sanitise.js";

const WIDE_NUMBER = 100; // from here on, numbers would stick out of a list's margin

export function render(text) {
  const html = toHtml(text);
  if (html === null) return null;
  const fragment = sanitise(html);
  if (!/[^\p{C}\p{Z}]/u.test(fragment.textContent)) return null;
  for (const link of fragment.querySelectorAll("a")) dressLink(link);
  for (const list of fragment.querySelectorAll("ol")) {
    const last = list.start + list.children.length - 1;
    list.classList.toggle("wide", last >= WIDE_NUMBER);
  }
  for (const part of fragment.children) part.dir = "auto"; // a list's marks are on its side too
  return fragment;
}

function dressLink(link) {
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  // Where it leads, when its words say something else.
  if (link.textContent !== link.getAttribute("href")) link.title = link.href;
}
