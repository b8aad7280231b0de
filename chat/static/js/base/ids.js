// Random names. Not crypto.randomUUID: it exists only on https and localhost, and a chat at
// home is opened as http://192.168.…

const POST_BYTES = 18;
const KEY_BYTES = 24;

function random(size) {
  const bytes = crypto.getRandomValues(new Uint8Array(size));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}

export const makePostId = () => random(POST_BYTES);

// The page makes its own key: were the welcome lost on the way, the nick would otherwise stay
// reserved for somebody who never learnt the secret.
export const makeKey = () => random(KEY_BYTES);
