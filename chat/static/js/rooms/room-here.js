// Finds out which room this page shows. The server's page says so. The page that is kept for times
// without a server is of no room and takes the room's name from its address.

import { HOME, roomAt, roomPath } from "./room-name.js";

// Gives { name, isKept, isMissed }; `isMissed`: no room can have the name in the address.
export function roomHere() {
  const { room, root } = document.body.dataset;
  // A proxy may show the page at /chat too, which is outside of /chat/.
  if (location.pathname === root) history.replaceState(null, "", `${root}/`);
  if (room) return { name: room, isKept: false, isMissed: false };
  const found = roomAt(location.pathname, root);
  const name = found ?? HOME;
  const path = roomPath(name, root);
  if (location.pathname !== path) history.replaceState(null, "", path);
  document.title = `${name} · ${document.title}`;
  for (const place of document.querySelectorAll(".room-name")) place.textContent = name;
  return { name, isKept: true, isMissed: found === null };
}
