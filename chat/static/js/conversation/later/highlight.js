// Colours code. Gives it as HTML, which is not trusted yet. Each language is fetched when it is
// first seen.

import core from "../../../vendor/highlight/core.js";

const GRAMMARS = {
  bash: () => import("../../../vendor/highlight/languages/bash.js"),
  c: () => import("../../../vendor/highlight/languages/c.js"),
  cpp: () => import("../../../vendor/highlight/languages/cpp.js"),
  csharp: () => import("../../../vendor/highlight/languages/csharp.js"),
  css: () => import("../../../vendor/highlight/languages/css.js"),
  diff: () => import("../../../vendor/highlight/languages/diff.js"),
  dockerfile: () => import("../../../vendor/highlight/languages/dockerfile.js"),
  elixir: () => import("../../../vendor/highlight/languages/elixir.js"),
  go: () => import("../../../vendor/highlight/languages/go.js"),
  haskell: () => import("../../../vendor/highlight/languages/haskell.js"),
  ini: () => import("../../../vendor/highlight/languages/ini.js"),
  java: () => import("../../../vendor/highlight/languages/java.js"),
  javascript: () => import("../../../vendor/highlight/languages/javascript.js"),
  json: () => import("../../../vendor/highlight/languages/json.js"),
  kotlin: () => import("../../../vendor/highlight/languages/kotlin.js"),
  lua: () => import("../../../vendor/highlight/languages/lua.js"),
  makefile: () => import("../../../vendor/highlight/languages/makefile.js"),
  markdown: () => import("../../../vendor/highlight/languages/markdown.js"),
  nginx: () => import("../../../vendor/highlight/languages/nginx.js"),
  php: () => import("../../../vendor/highlight/languages/php.js"),
  powershell: () => import("../../../vendor/highlight/languages/powershell.js"),
  python: () => import("../../../vendor/highlight/languages/python.js"),
  r: () => import("../../../vendor/highlight/languages/r.js"),
  ruby: () => import("../../../vendor/highlight/languages/ruby.js"),
  rust: () => import("../../../vendor/highlight/languages/rust.js"),
  scala: () => import("../../../vendor/highlight/languages/scala.js"),
  sql: () => import("../../../vendor/highlight/languages/sql.js"),
  swift: () => import("../../../vendor/highlight/languages/swift.js"),
  typescript: () => import("../../../vendor/highlight/languages/typescript.js"),
  xml: () => import("../../../vendor/highlight/languages/xml.js"),
  yaml: () => import("../../../vendor/highlight/languages/yaml.js"),
};

const ALIASES = {
  "c++": "cpp", "c#": "csharp", cs: "csharp", console: "bash", docker: "dockerfile",
  golang: "go", hs: "haskell", html: "xml", js: "javascript", jsx: "javascript", kt: "kotlin",
  make: "makefile", md: "markdown", patch: "diff", ps1: "powershell", py: "python",
  rb: "ruby", rs: "rust", sh: "bash", shell: "bash", svg: "xml", toml: "ini", ts: "typescript",
  tsx: "typescript", yml: "yaml", zsh: "bash",
};

// Gives a language's own name, or null if it cannot be coloured.
export function nameOf(language) {
  const asked = language.toLowerCase();
  const name = Object.hasOwn(ALIASES, asked) ? ALIASES[asked] : asked;
  return Object.hasOwn(GRAMMARS, name) ? name : null;
}

export const isReady = (name) => core.getLanguage(name) !== undefined;

export async function prepare(name) {
  const { default: grammar } = await GRAMMARS[name]();
  core.registerLanguage(name, grammar);
}

export function highlight(code, name) {
  return core.highlight(code, { language: name, ignoreIllegals: true }).value;
}
