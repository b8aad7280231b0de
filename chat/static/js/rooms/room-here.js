// Finds out which room this page shows: its address says so.

import { HOME, roomAt, roomPath } from "./room-name.js";

// Gives { name, isKept, isMissed }. `isKept`: the page is the one that is kept for times without a
// server; `isMissed`: no room can have the name in the address.
export function roomHere() {
  const { root, kept } = document.body.dataset;
  const isKept = kept !== undefined;
  // A proxy may show the page at /chat too, which is outside of /chat/.
  if (location.pathname === root) history.replaceState(null, "", `${root}/`);
  const found = isKept ? roomAt(location.pathname, root) : roomGiven();
  const name = found ?? HOME;
  const path = roomPath(name, root);
  if (isKept && location.pathname !== path) history.replaceState(null, "", path);
  return { name, isKept, isMissed: found === null };
}

// The server gives a page at its one address only, and may know letters that this browser does not.
function roomGiven() {
  const [, written] = /\/r\/([^/]+)$/.exec(location.pathname) ?? [];
  return written ? decodeURIComponent(written) : HOME;
}
