// Checks rooms' names as the server does (chat/names/rooms.py): lower-case letters, digits, "-"
// and "_", NFC, nothing invisible.

export const HOME = "general";
export const ROOM_LIMIT = 32; // code points

const ALLOWED = new RegExp(`^[\\p{Ll}\\p{Lo}\\p{Lm}\\p{Mn}\\p{Mc}\\p{Nd}_-]{1,${ROOM_LIMIT}}$`, "u");
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\u2800]/gu; // the blank braille pattern too
const MARK = /^\p{M}/u; // it would combine with the slash before it

// Turns what somebody typed into a room's name: « Salle 3 B » becomes salle-3-b.
export function roomForm(typed) {
  const words = typed.trim().replace(/\s+/gu, "-");
  return words.toLowerCase().normalize("NFC").replace(INVISIBLE, "");
}

export function isRoom(name) {
  return ALLOWED.test(name) && name === roomForm(name) && !MARK.test(name);
}

// `root`: the path under which a proxy shows the chat, like "/chat".
export function roomPath(name, root = "") {
  return name === HOME ? `${root}/` : `${root}/r/${encodeURIComponent(name)}`;
}

// Gives the room at an address, which may be typed like « Salle 3 B », or null if there is none.
export function roomAt(path, root = "") {
  if (!path.startsWith(`${root}/`)) return null;
  if (path === `${root}/`) return HOME;
  const [, typed = ""] = /^\/r\/([^/]+)$/.exec(path.slice(root.length)) ?? [];
  try {
    const name = roomForm(decodeURIComponent(typed));
    return isRoom(name) ? name : null;
  } catch {
    return null; // %FF, which is no text
  }
}
