// Says what a page that came back may have missed, from the welcome's `gap`: nothing (null),
// messages that are still in the log ("skipped") or no longer ("gone"), or messages that it had
// seen and that are in the log no more ("lost"; "changed" if others have taken their numbers).

export function gapAfter(before, { resumed, gap, more }) {
  if (before === null || resumed) return null;
  if (gap === "skipped") return more ? "skipped" : "gone";
  if (before.seq === 0) return null; // it had seen nothing
  return gap === "changed" ? "changed" : "lost";
}

// Whether the log is no longer the one that the page had seen.
export const isAnother = (gap) => gap === "lost" || gap === "changed";
