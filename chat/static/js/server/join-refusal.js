// Says what the page must do when the server has refused a join.

const WAIT_S = 5; // if the server does not say how long

// Gives { stop }, { pause, ms }, or { ask: true } if the reader must choose another nick.
export function followsFrom({ code, retry_after }) {
  switch (code) {
    case "banned":
      return { stop: "banned" };
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
