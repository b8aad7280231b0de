// Copies what the page uses of its npm packages, with their licences beside, into
// chat/static/vendor/. `make vendor` runs it after `npm ci`, which checks the hashes in
// package-lock.json. To renew: change a version in package.json, run
// `npm install --package-lock-only --omit-lockfile-registry-resolved`, then `make vendor`.

import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const PACKAGES = join(HERE, "node_modules");
const TARGET = join(HERE, "../../chat/static/vendor");

// Of highlight.js, what people paste into a chat; each is loaded when it is first seen.
const LANGUAGES = [
  "bash", "c", "cpp", "csharp", "css", "diff", "dockerfile", "elixir", "go", "haskell", "ini",
  "java", "javascript", "json", "kotlin", "lua", "makefile", "markdown", "nginx", "php",
  "powershell", "python", "r", "ruby", "rust", "scala", "sql", "swift", "typescript", "xml", "yaml",
];

const NEWEST_EMOJI = 15; // later ones are empty boxes on many a phone
const SKINS = 2; // the group of skin tones, which are no emoji of their own

const COPIED = [
  {
    folder: "markdown-it",
    from: "markdown-it",
    files: { "dist/browser/markdown-it.umd.min.js": "markdown-it.min.js", LICENSE: "LICENSE" },
    within: ["entities", "linkify-it", "mdurl", "punycode.js", "uc.micro"], // in the same file
  },
  {
    folder: "dompurify",
    from: "dompurify",
    files: { "dist/purify.min.js": "purify.min.js", LICENSE: "LICENSE", "LICENSE-MPL": "LICENSE-MPL" },
  },
  {
    folder: "highlight",
    from: "@highlightjs/cdn-assets",
    files: {
      "es/core.min.js": "core.min.js",
      LICENSE: "LICENSE",
      ...Object.fromEntries(
        LANGUAGES.map((name) => [`es/languages/${name}.min.js`, `languages/${name}.js`]),
      ),
    },
  },
  {
    folder: "uqr",
    from: "uqr",
    files: { "dist/index.mjs": "uqr.js", LICENSE: "LICENSE" },
  },
  {
    folder: "emoji",
    from: "emoji-picker-element-data",
    files: { LICENSE: "LICENSE" },
    note: `en.json and fr.json are made from its data: emoji up to version ${NEWEST_EMOJI}, by group,
  each [emoji, name, short codes (GitHub's), words].`,
  },
];

const read = (path) => readFileSync(join(PACKAGES, path), "utf8");

function copy({ folder, from, files, within = [] }) {
  rmSync(join(TARGET, folder), { recursive: true, force: true });
  for (const [source, name] of Object.entries(files)) {
    const target = join(TARGET, folder, name);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(PACKAGES, from, source), target);
  }
  for (const each of within) {
    const name = readdirSync(join(PACKAGES, each)).find((file) => file.startsWith("LICENSE"));
    cpSync(join(PACKAGES, each, name), join(TARGET, folder, `LICENSE-${each}`));
  }
}

// Short codes are the same in every language: what one writes, all read.
function makeEmoji(names, name) {
  const data = (path) => JSON.parse(read(`emoji-picker-element-data/${path}/data.json`));
  const codes = new Map(data("en/github").map((each) => [each.emoji, each.shortcodes ?? []]));
  const groups = [];
  for (const { emoji, annotation, tags, group, version, order } of data(names)) {
    if (version > NEWEST_EMOJI || group === undefined || group === SKINS) continue;
    (groups[group] ??= []).push({ order, row: [emoji, annotation, codes.get(emoji) ?? [], tags ?? []] });
  }
  const rows = groups
    .filter(Boolean)
    .map((group) => group.sort((one, other) => one.order - other.order).map(({ row }) => row));
  writeFileSync(join(TARGET, "emoji", `${name}.json`), `${JSON.stringify(rows)}\n`);
}

function makeReadme() {
  const lines = COPIED.map(({ folder, from, note }) => {
    const { version, license } = JSON.parse(read(`${from}/package.json`));
    return `- \`${folder}/\`: ${from} ${version}, ${license}.${note ? ` ${note}` : ""}`;
  });
  const head = "# Not ours\n\nMade by `make vendor` from npm packages; `tools/vendor/` names and pins them.\n\n";
  writeFileSync(join(TARGET, "README.md"), `${head}${lines.join("\n")}\n`);
}

COPIED.forEach(copy);
makeEmoji("en/github", "en");
makeEmoji("fr/emojibase", "fr");
makeReadme();
writeFileSync(join(TARGET, "package.json"), '{ "type": "module" }\n'); // for the tests in Node
