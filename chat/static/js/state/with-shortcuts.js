// Wires the keyboard: the list of shortcuts, and the keys that scroll or lead back to the composer.
// No shortcut is a single letter, because letters are for writing and for screen readers.

const PAGE = 0.85; // of the conversation's height: a few lines stay in view

export function withShortcuts({ byId, composer, history }) {
  const [dialog, area, scroller] = [byId("shortcuts"), byId("text"), byId("scroller")];
  const isOpen = () => document.querySelector("dialog[open]") !== null;
  const canWrite = () => !byId("composer").hidden && !isOpen();

  byId("shortcuts-button").addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog || target.closest("[data-close]")) dialog.close();
  });

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    if (event.key === "/" && (event.ctrlKey || event.metaKey)) {
      if (!dialog.open) dialog.showModal();
    } else if (event.key === "Escape" && canWrite() && !event.target.closest("[role=dialog]")) {
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

const isPage = ({ key, altKey, ctrlKey, metaKey, shiftKey }) =>
  (key === "PageUp" || key === "PageDown") && !(altKey || ctrlKey || metaKey || shiftKey);
