// The link to a message: /r/salon#m42.mb3k2x9a names its seq and, as a proof, its time. If the log
// was replaced, another message may have that seq.

const FORM = /^#m(\d{1,16})(?:\.([0-9a-z]{1,12}))?$/;

export function linkTo({ seq, at }) {
  return `${location.origin}${location.pathname}#m${seq}.${Date.parse(at).toString(36)}`;
}

// Gives { seq, isThat(message) }, or null if the fragment names no message.
export function messageIn(hash) {
  const [, seq, time] = FORM.exec(hash) ?? [];
  if (!seq) return null;
  const isThat = ({ at }) => time === undefined || Date.parse(at).toString(36) === time;
  return { seq: Number(seq), isThat };
}
