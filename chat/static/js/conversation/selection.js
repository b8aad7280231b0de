// Knows whether the reader is selecting something in the conversation. What would disturb that waits
// until nothing is selected. Tells "free" at that moment.

import { Source } from "../base/source.js";

export class Selection extends Source {
  #content;
  #added = new MutationObserver((changes) => this.#leaveOut(changes));
  #isPressed = false; // the mouse is down in the conversation, so a selection may begin
  #wasHeld = false;
  #waiting = []; // the changes that wait, as functions

  // `list`: the elements of `content` that messages are added to.
  constructor(content, list) {
    super();
    this.#content = content;
    this.#added.observe(list, { childList: true });
    content.addEventListener("pointerdown", ({ pointerType, button }) => {
      this.#isPressed = pointerType === "mouse" && button === 0;
      this.#look();
    });
    for (const name of ["pointerup", "pointercancel"]) {
      addEventListener(name, () => {
        this.#isPressed = false;
        this.#look();
      });
    }
    document.addEventListener("selectionchange", () => this.#look());
  }

  // Gives what is selected, or null if nothing in the conversation is. A field has a selection of
  // its own, and Firefox then keeps the other one.
  get range() {
    this.#leaveOut(this.#added.takeRecords());
    const selection = getSelection();
    if (selection.isCollapsed || document.activeElement?.matches("input, textarea")) return null;
    const range = selection.getRangeAt(0);
    return range.intersectsNode(this.#content) && isSeen(range) ? range : null;
  }

  get isPressed() {
    return this.#isPressed;
  }

  get isHeld() {
    return this.#isPressed || this.range !== null;
  }

  // Run `change` at once if nothing is held, else as soon as that is so.
  async undisturbed(change) {
    while (this.isHeld) await new Promise((free) => this.#waiting.push(free));
    change();
  }

  // A double or triple click also selects what is between a text and the next one. If that was the
  // last text, new messages come into what is selected. They are taken out of it again.
  #leaveOut(changes) {
    const added = changes.find(({ addedNodes, nextSibling }) => addedNodes.length > 0 && !nextSibling);
    if (!added || getSelection().isCollapsed) return;
    const range = getSelection().getRangeAt(0);
    const after = document.createRange();
    after.setStart(added.target, added.target.childNodes.length);
    if (!range.isPointInRange(after.startContainer, after.startOffset)) return;
    after.setEnd(range.endContainer, range.endOffset);
    const first = added.addedNodes[0];
    if (!isSeen(after) && first.isConnected) range.setEndBefore(first);
  }

  #look() {
    const was = this.#wasHeld;
    this.#wasHeld = this.isHeld;
    if (!was || this.#wasHeld) return;
    for (const free of this.#waiting.splice(0)) free();
    this.tell("free");
  }
}

// Whether a reader sees something in a range. It looks only until it has found something.
function isSeen(range) {
  const walker = document.createTreeWalker(range.commonAncestorContainer, NodeFilter.SHOW_TEXT);
  walker.currentNode = range.startContainer;
  for (let node = walker.currentNode; node; node = walker.nextNode()) {
    if (range.comparePoint(node, 0) > 0) return false;
    if (node.nodeType !== Node.TEXT_NODE || !range.intersectsNode(node)) continue;
    const from = node === range.startContainer ? range.startOffset : 0;
    const to = node === range.endContainer ? range.endOffset : node.length;
    if (/\S/.test(node.data.slice(from, to)) && isText(node.parentElement)) return true;
  }
  return false;
}

// The words of a button are no text, and cannot be selected by themselves.
function isText(element) {
  return !element.closest("[hidden], button, .spoken, noscript");
}
