// Lets the reader choose the page's language. The server reads the choice from a cookie. Service
// workers cannot read cookies in every browser, so the worker finds it in a cache (templates/sw.js).

const COOKIE = "language";
const A_YEAR_S = 365 * 24 * 3600;
const PATIENCE_MS = 3_000;

export class LanguageChoice {
  #field;
  #hint;
  #root;
  #strings;

  // `field`: a select with a value for each language, and "" for the browser's own.
  constructor({ field, hint, root, strings }) {
    this.#field = field;
    this.#hint = hint;
    this.#root = root;
    this.#strings = strings;
    field.addEventListener("change", () => this.#chosen(field.value));
  }

  draw() {
    this.#hint.textContent = "";
    const all = document.cookie.split("; ").map((each) => each.split("="));
    this.#field.value = all.find(([name]) => name === COOKIE)?.[1] ?? "";
  }

  async #chosen(language) {
    writeLanguage(this.#root, language);
    await tellWorker(this.#root, language);
    if (await this.#canReload()) location.reload();
    else this.#hint.textContent = this.#strings.say("stateUnreachable");
  }

  // Without a server and without a worker, a reload would lose the page. The next one will be in
  // the language that was chosen.
  async #canReload() {
    if (navigator.serviceWorker?.controller) return true;
    const options = { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) };
    return fetch(`${this.#root}/status`, options).then(
      () => true,
      () => false,
    );
  }
}

// `language`: "" for the browser's own; then there is no cookie.
export function writeLanguage(root, language) {
  const age = language ? A_YEAR_S : 0;
  document.cookie = `${COOKIE}=${language}; path=${root}/; max-age=${age}; samesite=lax`;
}

async function tellWorker(root, language) {
  const name = `tchat-language:${root}`;
  try {
    if (!language) await caches.delete(name);
    else await (await caches.open(name)).put(`${root}/language`, new Response(language));
  } catch {
    // The browser keeps nothing, so it has no worker either.
  }
}
