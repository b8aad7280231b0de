// Keeps the composer above an on-screen keyboard. Android resizes the page by itself (see the
// viewport meta). Safari only tells how much of the page is visible.

export function followKeyboard() {
  const viewport = window.visualViewport;
  if (!viewport) return;
  const fit = () => {
    const zoomed = viewport.scale > 1.01; // by two fingers, not by a keyboard
    const covered = zoomed ? 0 : window.innerHeight - viewport.height;
    document.documentElement.style.setProperty("--covered", `${Math.max(0, Math.round(covered))}px`);
    if (covered > 0) window.scrollTo(0, 0);
  };
  viewport.addEventListener("resize", fit);
}
