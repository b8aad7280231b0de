// Copies a text to the clipboard. The Clipboard API exists only on https and localhost. Elsewhere
// the page tries the old way: it selects the text and copies the selection.

// `button` is what was pressed. Gives whether the text could be copied.
export async function copyText(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelected(text, button);
  }
}

// The text must be on the page to be selected. It stands beside the button, because nothing outside
// of an open dialog can be selected. What was selected before is selected again.
function copySelected(text, button) {
  const selection = getSelection();
  const before = selection.rangeCount > 0 ? selection.getRangeAt(0).cloneRange() : null;
  const paper = document.createElement("pre");
  paper.className = "spoken";
  paper.setAttribute("aria-hidden", "true");
  paper.textContent = text;
  button.after(paper);
  selection.selectAllChildren(paper);
  try {
    return document.execCommand("copy");
  } finally {
    paper.remove();
    selection.removeAllRanges();
    if (before) selection.addRange(before);
    button.focus({ preventScroll: true });
  }
}
