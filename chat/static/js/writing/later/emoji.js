// The emoji with their names, words and short codes, in the page's language. They are fetched when
// they are first needed.

const ASKED = /(?:^|[\s(])(:([\p{L}\p{N}_+-]{2,}))$/u; // before the caret
const CODE = /:([a-z0-9_+-]+):(?!\S)/y;
const MOST = 6;
const BY_WORDS = 3; // the weakest rank: found by words that go with the emoji

const fold = (text) =>
  text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().replaceAll("œ", "oe");

export class Emoji {
  #url;
  #groups = null; // of [emoji, name, short codes, words]
  #byCode = new Map();
  #index = null; // what search looks through, made when first used
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

  // After a failure, the next call tries again: the network may be back.
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

  // Gives the emoji of a short code, if there is one: `tada`.
  byCode(code) {
    return this.#byCode.get(code);
  }

  // Gives the best first: those found by short code, then by the words of their name, then by words
  // that go with them. Among equals, the shortest code comes first, because that emoji is the
  // plainest: `heart` before `anatomical_heart`.
  search(query) {
    return this.#find(query).map(({ row }) => row);
  }

  // Gives what completes the text before the caret, as completion.js wants it, or null.
  async complete(before) {
    const [, all, asked] = ASKED.exec(before) ?? [];
    if (!asked) return null;
    if (!this.isLoaded) await this.load();
    const found = this.#find(asked).slice(0, MOST);
    return {
      from: before.length - all.length,
      isSure: /\p{L}/u.test(asked) && found.length > 0 && found[0].rank < BY_WORDS, // not « :10 »
      options: found.map(({ row: [emoji, name] }) => ({ text: `${emoji} `, words: name, sign: emoji })),
    };
  }

  #find(query) {
    const asked = fold(query).replaceAll("_", " ").trim();
    this.#index ??= this.#groups.flat().map(indexed);
    return this.#index
      .map((entry) => ({ row: entry.row, ...match(entry, asked) }))
      .filter(({ rank }) => rank !== undefined)
      .sort((one, other) => one.rank - other.rank || one.length - other.length || 0);
  }

  async #fetch() {
    const response = await fetch(this.#url);
    if (!response.ok) throw new Error(`emoji: ${response.status}`);
    this.use(await response.json());
  }
}

function indexed(row) {
  const [, name, codes, words] = row;
  const spoken = codes.map((code) => code.replaceAll("_", " "));
  return { row, codes: spoken, name: ` ${fold(name)}`, words: words.map(fold) };
}

function match({ codes, name, words }, asked) {
  const length = Math.min(...codes.map((code) => code.length));
  if (codes.includes(asked)) return { rank: 0, length };
  if (codes.some((code) => code.startsWith(asked))) return { rank: 1, length };
  if (name.includes(` ${asked}`)) return { rank: 2, length };
  return words.some((word) => word.startsWith(asked)) ? { rank: BY_WORDS, length } : null;
}

// Gives the short code that begins at `at`, as [":tada:", "tada"], or null. It is a whole word
// between spaces: 10:30:45 has none.
export function codeAt(text, at) {
  if (at > 0 && /\S/.test(text[at - 1])) return null;
  CODE.lastIndex = at;
  return CODE.exec(text);
}
