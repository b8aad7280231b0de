// Puts a text on the clipboard. Its interface exists only on https and localhost; elsewhere the
// old way is tried: what is selected is copied.

export async function copyFrom(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(element);
    return document.execCommand("copy");
  }
}
