// Builds the page from chat/static/ into chat/static/dist/. Bundles and minifies scripts and sheets
// and copies pictures and data. Each file's name has a hash of its content, and texts also have
// compressed forms beside them. manifest.json says which file has become which. `make page` runs
// this after `npm ci`, which checks the hashes in package-lock.json. To update: change the version
// in package.json, run `npm install --package-lock-only --omit-lockfile-registry-resolved`.
//
//   node tools/page/build.mjs [folder]

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import { build } from "esbuild";

const SOURCES = fileURLToPath(new URL("../../chat/static", import.meta.url));
const TARGET = resolve(process.argv[2] ?? join(SOURCES, "dist"));

// The files that the page's HTML names. All others are found from these.
const NAMED = [
  ...["js/main.js", "css/main.css", "css/later.css", "css/copy.css", "icon.svg", "vendor/licences.txt"],
  ...["192.png", "512.png", "maskable-512.png", "apple-touch.png"].map((name) => `icons/${name}`),
  ...["en.json", "fr.json"].map((name) => `vendor/emoji/${name}`),
];
const COPIED = [".json", ".png", ".svg", ".txt"];
const TEXTS = new Set([".css", ".js", ".json", ".svg", ".txt"]);

// Files that the page needs without a server too: scripts, sheets and the icon, but not the colours
// of code.
const KEPT = new Set([".css", ".js", ".svg"]);
const COLOURS = "vendor/highlight/";

const bundle = (plugins = []) =>
  build({
    absWorkingDir: SOURCES,
    entryPoints: NAMED,
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    outdir: TARGET,
    loader: Object.fromEntries(COPIED.map((extension) => [extension, "copy"])),
    bundle: true,
    splitting: true,
    format: "esm",
    target: "es2022",
    minify: true,
    legalComments: "none", // vendor/licences.txt has them all
    metafile: true,
    write: false,
    plugins,
  });

// Gives, for each script that is fetched by itself, all modules that it imports, directly or not.
function modulesOf({ inputs }) {
  const imports = (path, kind) => inputs[path].imports.filter((each) => each.kind === kind);
  const follow = (path, seen = new Set()) => {
    if (seen.has(path)) return seen;
    seen.add(path);
    for (const each of imports(path, "import-statement")) follow(each.path, seen);
    return seen;
  };
  const fetched = Object.keys(inputs).flatMap((path) => imports(path, "dynamic-import"));
  const scripts = new Set(["js/main.js", ...fetched.map(({ path }) => path)]);
  return new Map([...scripts].map((path) => [path, follow(path)]));
}

// By itself, esbuild makes one file for every set of scripts that share a module, and each file is
// one more request. Here each script that needs one of the common modules imports them all, and so
// does the first view's script. So they are one file, which is loaded before a later script asks.
function shareOnce(metafile) {
  const scripts = modulesOf(metafile);
  const all = [...scripts.values()].flatMap((modules) => [...modules]);
  const common = [...new Set(all.filter((path, index) => all.indexOf(path) !== index))].sort();
  const imports = common.map((path) => `import ${JSON.stringify(join(SOURCES, path))};\n`).join("");
  const isSharing = (path) => common.some((each) => scripts.get(path)?.has(each));
  return {
    name: "share once",
    setup({ onLoad }) {
      onLoad({ filter: /\.js$/ }, ({ path }) => {
        const name = path.slice(SOURCES.length + 1).replaceAll("\\", "/");
        if (name !== "js/main.js" && !isSharing(name)) return null;
        return { contents: `${imports}${readFileSync(path, "utf8")}`, loader: "js" };
      });
    },
  };
}

function describe({ outputs }) {
  const files = Object.entries(outputs).map(([path, output]) => ({ ...output, name: basename(path) }));
  const addresses = {};
  for (const { entryPoint, name } of files) {
    if (NAMED.includes(entryPoint)) addresses[entryPoint] = name;
  }
  const main = files.find(({ entryPoint }) => entryPoint === "js/main.js");
  const isColours = ({ inputs }) => Object.keys(inputs).some((path) => path.startsWith(COLOURS));
  const isKept = (file) => KEPT.has(extname(file.name)) && !isColours(file);
  const isLater = ({ name }) => [".js", ".json"].includes(extname(name));
  const names = (some) => some.map(({ name }) => name).sort();
  return {
    addresses: Object.fromEntries(Object.entries(addresses).sort()),
    beside: main.imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => basename(path)),
    kept: names(files.filter(isKept)),
    later: names(files.filter((file) => isLater(file) && !isKept(file))),
  };
}

// A name has a hash of the content, so a file that is there already is the same.
function write(name, contents) {
  const forms = TEXTS.has(extname(name)) ? [name, `${name}.gz`, `${name}.br`] : [name];
  if (forms.every((form) => existsSync(join(TARGET, form)))) return forms;
  writeFileSync(join(TARGET, name), contents);
  if (forms.length === 1) return forms;
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: contents.length,
  };
  writeFileSync(join(TARGET, `${name}.gz`), gzipSync(contents, { level: 9 }));
  writeFileSync(join(TARGET, `${name}.br`), brotliCompressSync(contents, { params }));
  return forms;
}

const { metafile: alone } = await bundle();
const { metafile, outputFiles } = await bundle([shareOnce(alone)]);
mkdirSync(TARGET, { recursive: true });
const written = new Set(outputFiles.flatMap(({ path, contents }) => write(basename(path), contents)));
for (const old of readdirSync(TARGET)) if (!written.has(old)) rmSync(join(TARGET, old));
// It is not for browsers, so it has no compressed forms.
writeFileSync(join(TARGET, "manifest.json"), `${JSON.stringify(describe(metafile), null, 2)}\n`);
