// Says what Enter does. On-screen keyboards cannot press Shift and Enter together. So where the screen
// is touched, Enter breaks the line and the button sends. Ctrl or Command with Enter sends everywhere:
// a page cannot tell a real keyboard that is connected to a tablet.

const touch = matchMedia("(hover: none) and (pointer: coarse)");

export function breaksLine({ ctrlKey, metaKey }) {
  return touch.matches && !ctrlKey && !metaKey;
}

// Let the on-screen keyboard and screen readers say it too.
export function followKeys(area) {
  const tell = () => {
    area.enterKeyHint = touch.matches ? "enter" : "send";
    area.setAttribute("aria-describedby", `${touch.matches ? "touch-keys" : "keys"} counter`);
  };
  touch.addEventListener("change", tell);
  tell();
}
