// Builds the page from chat/static/ into chat/static/dist/. It bundles and minifies scripts and
// style sheets, and copies pictures and data. The name of each file gets a hash of its content, and
// each text file gets compressed versions beside it. manifest.json says which source has become
// which file. `make page` runs it after `npm ci`, which checks the hashes in package-lock.json. To
// renew esbuild, change its version in package.json and run
// `npm install --package-lock-only --omit-lockfile-registry-resolved`.
//
//   node tools/page/build.mjs [folder]

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import { build } from "esbuild";

const SOURCES = fileURLToPath(new URL("../../chat/static", import.meta.url));
const TARGET = resolve(process.argv[2] ?? join(SOURCES, "dist"));

// The files that the page's HTML names. esbuild finds all others from these.
const NAMED = [
  ...["js/main.js", "css/main.css", "icon.svg", "vendor/licences.txt"],
  ...["192.png", "512.png", "maskable-512.png", "apple-touch.png"].map((name) => `icons/${name}`),
  ...["en.json", "fr.json"].map((name) => `vendor/emoji/${name}`),
];
const COPIED = [".json", ".png", ".svg", ".txt"];
const TEXTS = new Set([".css", ".js", ".json", ".svg", ".txt"]);

// Also needed without a server: scripts, style sheets and the icon, but not the colours of code.
const KEPT = new Set([".css", ".js", ".svg"]);
const LUXURY = "vendor/highlight/";

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

// For each script that is fetched separately, gives all modules that it imports, directly or not.
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
// one more request. Here each script that needs one of the shared modules imports all of them, and
// so does the first view's script. So they become one file, which later scripts find loaded.
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
  const isLuxury = ({ inputs }) => Object.keys(inputs).some((path) => path.startsWith(LUXURY));
  const isKept = (file) => KEPT.has(extname(file.name)) && !isLuxury(file);
  const isLater = ({ name }) => [".js", ".json"].includes(extname(name));
  const names = (some) => some.map(({ name }) => name).sort();
  return {
    addresses: Object.fromEntries(Object.entries(addresses).sort()),
    beside: main.imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => basename(path)),
    kept: names(files.filter(isKept)),
    later: names(files.filter((file) => isLater(file) && !isKept(file))),
  };
}

function write(name, contents) {
  writeFileSync(join(TARGET, name), contents);
  if (!TEXTS.has(extname(name))) return;
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: contents.length,
  };
  writeFileSync(join(TARGET, `${name}.gz`), gzipSync(contents, { level: 9 }));
  writeFileSync(join(TARGET, `${name}.br`), brotliCompressSync(contents, { params }));
}

const { metafile: alone } = await bundle();
const { metafile, outputFiles } = await bundle([shareOnce(alone)]);
rmSync(TARGET, { recursive: true, force: true });
mkdirSync(TARGET, { recursive: true });
for (const { path, contents } of outputFiles) write(basename(path), contents);
// It is not for browsers, so it has no compressed version.
writeFileSync(join(TARGET, "manifest.json"), `${JSON.stringify(describe(metafile), null, 2)}\n`);
