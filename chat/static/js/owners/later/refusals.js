// Says in words why a command was refused.

const WORDS = {
  out: "refusedOut",
  not_owner: "refusedNotOwner",
  rate_limited: "refusedLater",
  storage_unavailable: "stateStorage",
  target_unknown: "refusedTarget",
  room_ended: "endedTitle",
  room_exists: "refusedExists",
  room_invalid: "roomInvalid",
};

// Where the server can only say that it does not like a command, these are why.
const UNLIKED = { rules: "refusedTime", make: "refusedTime", mute: "refusedOwner", put_out: "refusedOwner" };

// `error`: an event, or { code: "out" } if no answer can come.
export function whyNot({ code, command, retry_after }, { strings, dates }) {
  const name = (code === "bad_command" ? UNLIKED[command] : WORDS[code]) ?? "refusedOther";
  return strings.say(name, { wait: dates.lasting((retry_after ?? 1) * 1000) });
}
