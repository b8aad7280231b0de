// Copies the files that the page uses from its npm packages, and their licences, into
// chat/static/vendor/. `make vendor` runs this after `npm ci`, which checks the hashes in
// package-lock.json. To update: change a version in package.json, run
// `npm install --package-lock-only --omit-lockfile-registry-resolved`, then `make vendor`.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const PACKAGES = join(HERE, "node_modules");
const TARGET = join(HERE, "../../chat/static/vendor");

// The languages of highlight.js that people paste into a chat. Each is loaded when first seen.
const LANGUAGES = [
  "bash", "c", "cpp", "csharp", "css", "diff", "dockerfile", "elixir", "go", "haskell", "ini",
  "java", "javascript", "json", "kotlin", "lua", "makefile", "markdown", "nginx", "php",
  "powershell", "python", "r", "ruby", "rust", "scala", "sql", "swift", "typescript", "xml", "yaml",
];

const NEWEST_EMOJI = 15; // later ones are empty boxes on many phones
const SKINS = 2; // the group of skin tones, which are not emoji by themselves

const COPIED = [
  {
    folder: "markdown-it",
    from: "markdown-it",
    files: { "dist/browser/markdown-it.esm.min.mjs": "markdown-it.js" },
    within: ["entities", "linkify-it", "mdurl", "punycode.js", "uc.micro"], // in the same file
  },
  {
    folder: "dompurify",
    from: "dompurify",
    files: { "dist/purify.es.mjs": "purify.js" },
  },
  {
    folder: "highlight",
    from: "@highlightjs/cdn-assets",
    files: {
      "es/core.min.js": "core.js",
      ...Object.fromEntries(
        LANGUAGES.map((name) => [`es/languages/${name}.min.js`, `languages/${name}.js`]),
      ),
    },
  },
  {
    folder: "uqr",
    from: "uqr",
    files: { "dist/index.mjs": "uqr.js" },
  },
  {
    folder: "emoji",
    from: "emoji-picker-element-data",
    files: {},
    note: `en.json and fr.json are made from its data: emoji up to version ${NEWEST_EMOJI}, by group,
  each [emoji, name, short codes (GitHub's), words].`,
  },
];

const read = (path) => readFileSync(join(PACKAGES, path), "utf8");

function copy({ folder, from, files }) {
  rmSync(join(TARGET, folder), { recursive: true, force: true });
  mkdirSync(join(TARGET, folder));
  for (const [source, name] of Object.entries(files)) {
    const target = join(TARGET, folder, name);
    mkdirSync(dirname(target), { recursive: true });
    // A script's source map is not copied, and the line that names it is removed.
    const text = read(`${from}/${source}`).replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n");
    writeFileSync(target, text);
  }
}

// Writes all licences into one file, which the page names: the built scripts have no comments.
function makeLicences() {
  const all = COPIED.flatMap(({ from, within = [] }) => [from, ...within]).sort();
  const texts = all.flatMap((name) =>
    readdirSync(join(PACKAGES, name))
      .filter((file) => /^licen[cs]e/i.test(file))
      .sort()
      .map((file) => `${"=".repeat(70)}\n${name}: ${file}\n\n${read(`${name}/${file}`).trim()}\n`),
  );
  writeFileSync(join(TARGET, "licences.txt"), texts.join("\n"));
}

// Short codes are the same in every language, so that all readers see the same emoji.
function makeEmoji(names, name) {
  const parse = (path) => JSON.parse(read(`emoji-picker-element-data/${path}/data.json`));
  const codes = new Map(parse("en/github").map((each) => [each.emoji, each.shortcodes ?? []]));
  const groups = [];
  for (const { emoji, annotation, tags, group, version, order } of parse(names)) {
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
  const head = "# Not ours\n\nMade by `make vendor` from npm packages; `tools/vendor/` names and pins them. Their licences are in\n`licences.txt`.\n\n";
  writeFileSync(join(TARGET, "README.md"), `${head}${lines.join("\n")}\n`);
}

COPIED.forEach(copy);
makeEmoji("en/github", "en");
makeEmoji("fr/emojibase", "fr");
makeLicences();
makeReadme();
writeFileSync(join(TARGET, "package.json"), '{ "type": "module" }\n'); // for the tests in Node
