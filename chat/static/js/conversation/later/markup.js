// Turns a text with Markdown into clean elements. Its links tell no other site where they were
// clicked. Gives null if the text should be shown as it was written.

import { toHtml } from "./markdown.js";
import { sanitise } from "./sanitise.js";

const WIDE_NUMBER = 100; // from this number on, the numbers would stick out of a list's margin

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
  for (const part of fragment.children) part.dir = "auto"; // a list's marks follow it too
  return fragment;
}

function dressLink(link) {
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  // If its words are not its address, the title shows the address.
  if (link.textContent !== link.getAttribute("href")) link.title = link.href;
}
