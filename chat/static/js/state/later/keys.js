// Wires the keys that scroll or lead back to the composer, once there is one.
// No shortcut is a single letter, because letters are for writing and for screen readers.

const PAGE = 0.85; // of the conversation's height: a few lines stay in view

export function withKeys({ byId, composer, history }) {
  const [area, scroller] = [byId("text"), byId("scroller")];
  const isOpen = () => document.querySelector("dialog[open]") !== null;
  const canWrite = () => !byId("composer").hidden && !isOpen();

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    // The browser then gives the key to the composer.
    if (canWrite() && !isTaken(event, area) && writes(event)) return composer.focus();
    if (event.key === "Escape" && canWrite() && !event.target.closest("[role=dialog]")) {
      composer.focus();
      history.toEnd();
    } else if (event.target === area && isPage(event) && area.scrollHeight <= area.clientHeight) {
      const direction = event.key === "PageUp" ? -1 : 1;
      scroller.scrollBy({ top: direction * PAGE * scroller.clientHeight });
    } else return;
    event.preventDefault();
  });

  // When a pressed button disappears, it loses the focus. The focus goes back to the composer.
  document.addEventListener("click", ({ detail }) => {
    if (detail !== 0) return; // pressed with a finger or a mouse
    requestAnimationFrame(() => {
      const { activeElement: at, body } = document;
      if ((at === body || !at.checkVisibility()) && canWrite()) composer.focus();
    });
  });
}

// Whether the key would write or paste something in a field. AltGr, which writes « @ » on many
// keyboards, counts as Ctrl and Alt on Windows. « Dead » is an accent that waits for its letter.
function writes(event) {
  const { key, altKey, ctrlKey, metaKey } = event;
  if (event.getModifierState("AltGraph")) return [...key].length === 1;
  if (ctrlKey || metaKey) return !altKey && key.toLowerCase() === "v";
  return !altKey && ([...key].length === 1 || key === "Dead");
}

// Whether the key is for what has the focus. The space bar presses buttons, and it scrolls the
// conversation as long as nothing is being written.
function isTaken({ key, target }, area) {
  if (target.closest("input, textarea, select, [contenteditable], [role=dialog]")) return true;
  return key === " " && (target.closest("button, a, summary") !== null || area.value === "");
}

const isPage = ({ key, altKey, ctrlKey, metaKey, shiftKey }) =>
  (key === "PageUp" || key === "PageDown") && !(altKey || ctrlKey || metaKey || shiftKey);
