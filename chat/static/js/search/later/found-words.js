// Finds in a text the words that somebody looks for, by the server's rules (chat/log/words.py):
// case and accents make no difference, a word is found where a word begins with it, and anywhere in
// scripts without spaces. tests/corpus/found.json has what both must agree on.

// What is compared as one: a letter with its marks.
const LETTERS = /[\u1100-\u115f][\u1160-\u11ff]+|\P{M}[\p{M}\uff9e\uff9f]*|\p{M}+/gu;

const ACCENTS =
  /[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u08d3-\u08e1\u08e3-\u08ff\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\u{e0100}-\u{e01ef}]/gu;

const UNSPACED =
  /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303b\u3041-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua980-\ua9ff\uaa60-\uaadf\u{1b000}-\u{1b16f}\u{20000}-\u{3ffff}]/u;

const SPELLED = new Map([
  ...Object.entries({ œ: "oe", æ: "ae", ø: "o", đ: "d", ð: "d", ħ: "h", ł: "l", ŧ: "t", þ: "th", ĸ: "k" }),
  ["\u0640", ""],
]);

// Gives { words, signs }: a text must have all the words, or, if there are none, the signs as they
// were written.
export function readQuery(written) {
  const words = [...new Set(fold(written).folded.split(" ").filter(Boolean))];
  return { words, signs: words.length > 0 ? "" : withoutVariants(written.trim()) };
}

// Gives the places of what is found, [[from, to], …], or null if the text does not have it all.
export function placesIn(text, { words, signs }) {
  const { folded, letters } = words.length > 0 ? fold(text) : asWritten(text);
  const places = [];
  for (const word of words.length > 0 ? words : [signs]) {
    const found = word ? [...occurrences(folded, word, words.length === 0)] : [];
    if (found.length === 0) return null;
    for (const at of found) places.push([letters[at][0], letters[at + word.length - 1][1]]);
  }
  return merge(places);
}

function* occurrences(folded, word, isAnywhere) {
  const begins = !isAnywhere && !UNSPACED.test(word);
  for (let at = folded.indexOf(word); at >= 0; at = folded.indexOf(word, at + 1)) {
    if (!begins || at === 0 || folded[at - 1] === " ") yield at;
  }
}

// Gives the text folded, with spaces between words, and for each sign of that the place of its
// letter in the text.
function fold(text) {
  let folded = "";
  const letters = [];
  let wasUnspaced = false;
  const add = (part, place) => {
    folded += part;
    for (let i = 0; i < part.length; i += 1) letters.push(place);
  };
  for (const { 0: letter, index } of text.matchAll(LETTERS)) {
    const place = [index, index + letter.length];
    for (const sign of letter.normalize("NFKC")) {
      const part = foldSign(sign);
      if (!part) continue;
      const isUnspaced = UNSPACED.test(part);
      if (isUnspaced !== wasUnspaced) add(" ", place);
      wasUnspaced = isUnspaced;
      add(part, place);
    }
  }
  return { folded, letters };
}

function foldSign(sign) {
  const lower = sign.toLowerCase().toUpperCase().toLowerCase();
  const parts = lower.normalize("NFKD").replace(ACCENTS, "");
  return Array.from(parts, foldPart).join("").normalize("NFC");
}

function foldPart(part) {
  if (SPELLED.has(part)) return SPELLED.get(part);
  if (/\p{Cf}/u.test(part)) return "";
  return /[\p{L}\p{N}\p{M}]/u.test(part) ? part : " ";
}

function asWritten(text) {
  let folded = "";
  const letters = [];
  for (const { 0: letter, index } of text.matchAll(LETTERS)) {
    const part = withoutVariants(letter);
    folded += part;
    for (let i = 0; i < part.length; i += 1) letters.push([index, index + letter.length]);
  }
  return { folded, letters };
}

const withoutVariants = (text) => text.replaceAll("\ufe0f", "");

function merge(places) {
  const merged = [];
  for (const [from, to] of places.sort(([one], [other]) => one - other)) {
    const last = merged.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

const BEFORE = 60; // signs of a long text before what was found first
const MOST = 280; // signs of it that are shown

// Gives the piece of a text around what was found, as [{ words, isFound }, …].
export function excerpt(text, places) {
  const [from, to] = piece(text, places[0][0]);
  const parts = [];
  const add = (words, isFound = false) => words && parts.push({ words, isFound });
  if (from > 0) add("… ");
  let at = from;
  for (const [begin, end] of places) {
    if (begin < from || end > to) continue;
    add(text.slice(at, begin));
    add(text.slice(begin, end), true);
    at = end;
  }
  add(text.slice(at, to));
  if (to < text.length) add(" …");
  return parts;
}

// It begins and ends between words, if there are spaces.
function piece(text, found) {
  if (text.length <= MOST) return [0, text.length];
  let from = Math.max(0, Math.min(found - BEFORE, text.length - MOST));
  if (from > 0) from = after(text, from, found);
  const to = from + MOST;
  if (to >= text.length) return [from, text.length];
  const space = text.slice(found, to).search(/\s\S*$/);
  return [from, space > 0 ? found + space : whole(text, to)];
}

function after(text, from, found) {
  const space = text.slice(from, found).search(/\s/);
  return space >= 0 ? from + space + 1 : whole(text, from);
}

// Half a surrogate pair would be shown as another sign.
const whole = (text, at) => (/[\udc00-\udfff]/.test(text[at] ?? "") ? at - 1 : at);
