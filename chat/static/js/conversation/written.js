// Reads a message's text back from what is shown of it.
//
// What is shown says what was written: hidden marks are in the page too (`<span class="sign"
// hidden>`). What is drawn in another way says in `data-written` how it was written, like an emoji
// that stands for `:tada:`. What the page adds, like a button, has the attribute `data-unwritten`.

const TEXT = 3; // Node.TEXT_NODE

// Gives what was written in `node`, an element or a fragment.
export function written(node) {
  const parts = [];
  collect(node, parts);
  return parts.join("");
}

function collect(node, parts) {
  if (node.nodeType === TEXT) parts.push(node.data);
  else if (node.dataset?.written !== undefined) parts.push(node.dataset.written);
  else if (node.dataset?.unwritten === undefined) {
    for (const child of node.childNodes) collect(child, parts);
  }
}
