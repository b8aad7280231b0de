// Copies an element's text to the clipboard. The Clipboard API exists only on https and localhost.
// Elsewhere the page tries the old way: it selects the text and copies the selection.

export async function copyFrom(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
}
