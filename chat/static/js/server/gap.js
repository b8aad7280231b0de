// What may lie between the last message seen and the first one given now: nothing (null),
// something still in the log ("skipped"), or something that nobody can give ("lost").

export function gapBetween(before, { epoch, seq, messages, more }) {
  if (epoch !== before.epoch || seq < before.seq) return before.seq > 0 ? "lost" : null;
  const first = messages[0]?.seq ?? seq + 1;
  if (first <= before.seq + 1) return null;
  return more ? "skipped" : "lost";
}
