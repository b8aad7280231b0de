// Says what may be missing between the last message seen and the first one given now: nothing
// (null), messages that are still in the log ("skipped"), or messages that are gone ("lost").

export function gapBetween(before, { epoch, seq, messages, more }) {
  if (epoch !== before.epoch || seq < before.seq) return before.seq > 0 ? "lost" : null;
  const first = messages[0]?.seq ?? seq + 1;
  if (first <= before.seq + 1) return null;
  return more ? "skipped" : "lost";
}
