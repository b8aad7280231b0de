// Makes random ids and keys. It does not use crypto.randomUUID, which exists only on https and
// localhost: people open a chat at home as http://192.168.…

const POST_BYTES = 18;
const KEY_BYTES = 24;

function random(size) {
  const bytes = crypto.getRandomValues(new Uint8Array(size));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}

export const makePostId = () => random(POST_BYTES);

// The page makes its own key. If the server made it and the welcome was lost on the way, the nick
// would stay reserved for a key that this page never received.
export const makeKey = () => random(KEY_BYTES);
