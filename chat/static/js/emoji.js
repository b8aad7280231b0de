// The emoji: their names, words and short codes, in the page's language. Fetched when first
// asked for.

const ASKED = /(?:^|[\s(])(:([\p{L}\p{N}_+-]{2,}))$/u; // before the caret
const CODE = /:([a-z0-9_+-]+):/g;
const LETTER = /[\p{L}\p{N}]/u;
const MOST = 6;
const BY_WORDS = 3; // the weakest rank: by words that go with it

const fold = (text) =>
  text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replaceAll("œ", "oe");

export class Emoji {
  #url;
  #groups = null; // of [emoji, name, short codes, words]
  #byCode = new Map();
  #loading = null;

  constructor(url) {
    this.#url = url;
  }

  get isLoaded() {
    return this.#groups !== null;
  }

  get groups() {
    return this.#groups;
  }

  // Again after a failure: the network may be back.
  load() {
    this.#loading ??= this.#fetch().catch((error) => {
      this.#loading = null;
      throw error;
    });
    return this.#loading;
  }

  use(groups) {
    this.#groups = groups;
    for (const row of groups.flat()) {
      for (const code of row[2]) this.#byCode.set(code, row[0]);
    }
  }

  // `:tada:` becomes the emoji, `10:30:45` stays.
  replaceCodes(text) {
    return text.replace(CODE, (all, code, at) =>
      isFree(text, at) && this.#byCode.has(code) ? this.#byCode.get(code) : all,
    );
  }

  // The best first: by short code, by the words of its name, by words that go with it; of equal
  // ones the shortest, which is the plainest.
  search(query, most = Infinity) {
    const asked = spaced(query);
    const found = [[], [], [], []];
    for (const row of this.#groups.flat()) {
      const { rank, length } = matchOf(row, asked) ?? {};
      if (rank !== undefined) found[rank].push({ row, length });
    }
    return found
      .flatMap((each) => each.sort((one, other) => one.length - other.length))
      .slice(0, most)
      .map(({ row }) => row);
  }

  // What completes the text before the caret; null while there is nothing to say.
  async complete(before) {
    const [, all, asked] = ASKED.exec(before) ?? [];
    if (!asked) return null;
    if (!this.isLoaded) await this.load();
    const rows = this.search(asked, MOST);
    return {
      from: before.length - all.length,
      isSure: rows.length > 0 && matchOf(rows[0], spaced(asked)).rank < BY_WORDS,
      options: rows.map(([emoji, name]) => ({ text: `${emoji} `, words: name, sign: emoji })),
    };
  }

  async #fetch() {
    const response = await fetch(this.#url);
    if (!response.ok) throw new Error(`emoji: ${response.status}`);
    this.use(await response.json());
  }
}

function matchOf([, name, codes, words], asked) {
  const spoken = codes.map((code) => code.replaceAll("_", " "));
  if (spoken.includes(asked)) return { rank: 0, length: 0 };
  const lengths = spoken.filter((code) => code.startsWith(asked)).map((code) => code.length);
  if (lengths.length > 0) return { rank: 1, length: Math.min(...lengths) };
  if (` ${fold(name)}`.includes(` ${asked}`)) return { rank: 2, length: name.length };
  return words.some((word) => fold(word).startsWith(asked)) ? { rank: BY_WORDS, length: 0 } : null;
}

function spaced(query) {
  return fold(query).replaceAll("_", " ").trim();
}

function isFree(text, at) {
  return at === 0 || !LETTER.test(text[at - 1]);
}

// Whether there may be short codes in `text`.
export function hasCodes(text) {
  return [...text.matchAll(CODE)].some(({ index }) => isFree(text, index));
}
