// Puts what the reader selected into the clipboard as it was written: a part of one message as it
// is, and several messages with who wrote each of them and when.

import { copyText } from "../../base/copy.js";
import { written } from "../written.js";
import { entry } from "./entry.js";

export class Copying {
  #content;
  #messages;
  #selection;
  #page;

  // `page`: { names, strings }.
  constructor({ content, messages, selection, ...page }) {
    this.#content = content;
    this.#messages = messages;
    this.#selection = selection;
    this.#page = page;
    document.addEventListener("copy", (event) => this.#copy(event));
  }

  // Without a message, it is left to the browser. As there is only plain text, what is pasted into
  // another page or document has no formats.
  #copy(event) {
    const text = this.#selection.range && this.#text(this.#selection.range);
    if (!text) return;
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
  }

  #text(range) {
    const parts = [...this.#content.querySelectorAll(".row:not([hidden]) > .text")]
      .filter((text) => range.intersectsNode(text))
      .map((text) => ({ text, part: within(range, text) }))
      .filter(({ part }) => shown(part).trim() !== "");
    if (parts.length === 1 && !hasHead(range, parts[0].text)) return partOf(parts[0]);
    const messages = new Map(this.#messages.views.map(({ element, message }) => [element, message]));
    return parts
      .map((each) => [messages.get(each.text.closest(".message")), each])
      .filter(([message]) => message) // posts that wait are no messages yet
      .map(([message, each]) => entry({ ...message, text: partOf(each) }, this.#page))
      .join("\n");
  }
}

// Copy one message. `button` is what was pressed. Gives whether it could be copied.
export function copyMessage(message, { button, ...page }) {
  return copyText(entry(message, page), button);
}

function within(range, element) {
  const part = rangeOf(element);
  if (range.compareBoundaryPoints(Range.START_TO_START, part) > 0) {
    part.setStart(range.startContainer, range.startOffset);
  }
  if (range.compareBoundaryPoints(Range.END_TO_END, part) < 0) {
    part.setEnd(range.endContainer, range.endOffset);
  }
  return part;
}

function rangeOf(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  return range;
}

// Gives the text that the reader sees in a range.
function shown(range) {
  const fragment = range.cloneContents();
  for (const each of fragment.querySelectorAll("[hidden], [data-unwritten]")) each.remove();
  return fragment.textContent;
}

// The head of a message that has none of its own is there for screen readers only.
function hasHead(range, text) {
  const message = text.closest(".message");
  const head = message.querySelector(".head");
  if (message.classList.contains("grouped") || !range.intersectsNode(head)) return false;
  return shown(within(range, head)).trim() !== "";
}

// Marks are hidden, so nobody can select them. They belong to what is selected if all that they style
// does: to a whole text, or to whole parts of it. But a word alone, or code alone, is copied alone.
function partOf({ text, part }) {
  const common = elementOf(part.commonAncestorContainer);
  if (common.closest("pre")) return written(part.cloneContents());
  if (covers(part, text)) return written(text);
  const [first, last] = [part.startContainer, part.endContainer].map((edge) => {
    let outermost = null;
    for (let each = elementOf(edge); each !== common && covers(part, each); each = each.parentElement) {
      outermost = each;
    }
    return outermost;
  });
  if (first) part.setStartBefore(markOf(first, "previousSibling") ?? first);
  if (last) part.setEndAfter(markOf(last, "nextSibling") ?? last);
  const { startContainer: line, startOffset } = part;
  const isBelow = part.toString().includes("\n"); // then the first line's mark of a quote belongs to it
  if (isBelow && startOffset === 0 && isMark(line.previousSibling)) {
    part.setStartBefore(line.previousSibling);
  }
  return written(part.cloneContents());
}

// The marks of code stand beside it, all others within what they style.
function markOf(element, side) {
  return element.matches("code, .code") && isMark(element[side]) ? element[side] : null;
}

const isMark = (node) => node?.className === "sign";

const elementOf = (node) => (node.nodeType === Node.TEXT_NODE ? node.parentElement : node);

// Whether a reader sees nothing in the element but what is in the range.
function covers(part, element) {
  const [before, after] = [rangeOf(element), rangeOf(element)];
  const starts = after.isPointInRange(part.startContainer, part.startOffset);
  const ends = after.isPointInRange(part.endContainer, part.endOffset);
  if (starts) before.setEnd(part.startContainer, part.startOffset);
  if (ends) after.setStart(part.endContainer, part.endOffset);
  return (!starts || isBlank(before)) && (!ends || isBlank(after));
}

const isBlank = (range) => /^\n*$/.test(shown(range)); // a line break between two parts is not seen
