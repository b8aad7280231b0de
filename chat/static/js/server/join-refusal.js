// What follows from a join that the server refused.

const PENANCE_S = 5; // where the server does not say how long

// Gives { stop }, { pause, ms } or { ask: true }: somebody must choose another nick.
export function followsFrom({ code, retry_after }) {
  switch (code) {
    case "banned":
      return { stop: "banned" };
    case "storage_unavailable":
      return { pause: "storage" };
    case "rate_limited":
      return { pause: "abuse", ms: (retry_after ?? PENANCE_S) * 1000 };
    case "nick_taken":
    case "nick_invalid":
    case "room_invalid":
      return { ask: true };
    default:
      return {};
  }
}
