// Says what the page must do when the server has refused a join.

const WAIT_S = 5; // if the server does not say how long
const SHARP = 1.01; // they were told when: that is a moment of their own

// Gives { stop }, { pause, ms, spread }, or { ask: true } if the reader must choose another nick.
export function followsFrom({ code, retry_after }) {
  switch (code) {
    case "banned":
      if (retry_after === undefined) return { stop: "banned" };
      return { pause: "banned", ms: retry_after * 1000, spread: SHARP };
    case "room_locked":
      return { stop: "locked" };
    case "room_ended":
      return { stop: "ended" };
    case "storage_unavailable":
      return { pause: "storage" };
    case "rate_limited":
      return { pause: "limited", ms: (retry_after ?? WAIT_S) * 1000 };
    case "nick_taken":
    case "nick_invalid":
    case "room_invalid":
      return { ask: true };
    default:
      return {};
  }
}
