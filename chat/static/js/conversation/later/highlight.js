// Colours code. Each language is fetched when it is first seen.

import core from "../../../vendor/highlight/core.min.js";
import { sanitise } from "./sanitise.js";

const FILES =
  "bash c cpp csharp css diff dockerfile elixir go haskell ini java javascript json kotlin lua " +
  "makefile markdown nginx php powershell python r ruby rust scala sql swift typescript xml yaml";

const ALIASES = {
  "c++": "cpp", "c#": "csharp", cs: "csharp", console: "bash", docker: "dockerfile",
  golang: "go", hs: "haskell", html: "xml", js: "javascript", jsx: "javascript", kt: "kotlin",
  make: "makefile", md: "markdown", patch: "diff", ps1: "powershell", py: "python",
  rb: "ruby", rs: "rust", sh: "bash", shell: "bash", svg: "xml", toml: "ini", ts: "typescript",
  tsx: "typescript", yml: "yaml", zsh: "bash",
};

const known = new Set(FILES.split(" "));

// Whether `language` can be coloured; its own name, or null.
export function fileOf(language) {
  const asked = language.toLowerCase();
  const name = Object.hasOwn(ALIASES, asked) ? ALIASES[asked] : asked;
  return known.has(name) ? name : null;
}

export const isReady = (file) => core.getLanguage(file) !== undefined;

export async function prepare(file) {
  const { default: grammar } = await import(`../../../vendor/highlight/languages/${file}.js`);
  core.registerLanguage(file, grammar);
}

export function highlight(code, file) {
  return sanitise(core.highlight(code, { language: file, ignoreIllegals: true }).value);
}
