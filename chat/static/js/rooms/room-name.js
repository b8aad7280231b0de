// Checks rooms' names like the server (chat/names/rooms.py): lower-case letters, digits, "-" and
// "_", NFC, nothing invisible. The server alone knows which names look alike. Finds the names that people mean by what they type or paste.

export const HOME = "general";
export const ROOM_LIMIT = 32; // code points

const ALLOWED = new RegExp(`^[\\p{Ll}\\p{Lo}\\p{Lm}\\p{Mn}\\p{Mc}\\p{Nd}_-]{1,${ROOM_LIMIT}}$`, "u");
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\u2800]/gu; // the blank braille pattern too
const MARK = /^\p{M}/u; // it would combine with the slash before it

// What stands around a name in a sentence: « /r/salon, » or <…/r/salon>.
const AROUND = "(?:(?![_-])[\\p{P}\\p{Sm}\\p{Sk}\\p{Z}\\t-\\r])+";
const ENDS = new RegExp(`^${AROUND}|${AROUND}$`, "gu");
const SPACES = /[\p{Z}\t-\r]+/gu;
const ESCAPED = /(?:%[0-9a-f]{2})+/gi;
const LONGEST = 1_000; // characters that are worth the search for a name in them
const TIMES_ESCAPED = 2; // by programs on a link's way, after the browser itself

// Turns what somebody typed into a room's name: « Salle 3 B » becomes salle-3-b.
export function roomForm(typed) {
  return folded(typed).replace(ENDS, "").replace(SPACES, "-");
}

export function isRoom(name) {
  return ALLOWED.test(name) && name === folded(name) && !MARK.test(name);
}

// `root`: the path under which a proxy shows the chat, like "/chat".
export function roomPath(name, root = "") {
  return name === HOME ? `${root}/` : `${root}/r/${encodeURIComponent(name)}`;
}

// Gives the room that an address leads to, however it is written, or null if there is none.
export function roomAt(path, root = "") {
  if (!path.startsWith(`${root}/`)) return null;
  const found = /^\/+(?:r(?:\/(.*))?)?$/is.exec(path.slice(root.length));
  if (!found) return null;
  try {
    const written = unescaped(found[1] ?? "");
    return /^[/ ]*$/.test(written) ? HOME : roomMeant(written);
  } catch {
    return null; // %FF, which is no text
  }
}

// Gives the room that somebody means who wrote this into an address.
function roomMeant(written) {
  if (written.length > LONGEST) return null;
  for (let i = 0; i < TIMES_ESCAPED; i += 1) written = unescaped(written);
  const name = roomForm(written.replaceAll("+", " "));
  return isRoom(name) ? name : null;
}

const unescaped = (text) => text.replace(ESCAPED, decodeURIComponent);

const folded = (name) => name.replace(INVISIBLE, "").toLowerCase().normalize("NFC");
