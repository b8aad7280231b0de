// Says in words why a post waits or failed (queue.js). later/wishes.js says it of edits and removals.

import { LONG_WAIT_MS, waitUntil } from "../base/dates.js";

const TEMPORARY = { rate_limited: "postRateLimited", storage_unavailable: "postStorage" };
const LONG = { rate_limited: "postLimited", too_soon: "postTooSoon" };
const FAILED = {
  text_too_long: "postTooLong",
  text_empty: "postEmpty",
  muted: "postMuted",
  banned: "postBanned",
  other_nick: "postOtherNick",
  read_only: "postReadOnly",
  target_unknown: "postNoTarget",
};

export const waitsLong = ({ state, until }) => state === "waiting" && until > Date.now() + LONG_WAIT_MS;

// `words`: { waiting, failed, others }, for what is no post.
export function whyItWaits(item, strings, words = { waiting: "postWaiting", failed: "postFailed" }) {
  const { state, reason, until } = item;
  const say = (name) => strings.say(name, { wait: waitUntil(until) });
  if (state === "failed") {
    if (reason === "muted" && until > Date.now()) return say("postMutedFor");
    return say(words.others?.[reason] ?? FAILED[reason] ?? words.failed);
  }
  if (waitsLong(item) && LONG[reason]) return say(LONG[reason]);
  return say(TEMPORARY[reason] ?? words.waiting);
}
