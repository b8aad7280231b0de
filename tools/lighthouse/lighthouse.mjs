// Measures the page with Lighthouse's mobile profile, as the server really sends it: the first
// visit, and a room where people talk. Fails if a score (the median of some runs) is below its
// limit. `make lighthouse` runs this after `npm ci`, which checks the hashes in package-lock.json.
// To update: change a version in package.json, run `npm install --package-lock-only
// --omit-lockfile-registry-resolved`. Lighthouse 13 needs Node 22.19.
//
//   node tools/lighthouse/lighthouse.mjs [runs]

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import lighthouse from "lighthouse";
import puppeteer from "puppeteer-core";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const RUNS = Number(process.argv[2] ?? 3);
const CATEGORIES = ["performance", "accessibility", "best-practices"];
const TIMES = [
  ...["first-contentful-paint", "largest-contentful-paint", "total-blocking-time"],
  "cumulative-layout-shift",
];
const MESSAGES = 30;

const median = (numbers) => numbers.sort((one, other) => one - other)[numbers.length >> 1];

function chromium() {
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    const { status, stdout } = spawnSync("which", [name], { encoding: "utf8" });
    if (status === 0) return stdout.trim();
  }
  throw new Error("no Chromium: tools/need.sh chromium");
}

// Both pages are loaded with an empty cache.
const PAGES = [
  { name: "First visit", asked: { performance: 98, accessibility: 100, "best-practices": 100 } },
  {
    name: "In the room",
    asked: { performance: 95, accessibility: 100, "best-practices": 100 },
    prepare: (page) => enter(page),
  },
];

const freePort = () =>
  new Promise((done) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });

async function serve(folder) {
  const port = await freePort();
  const server = spawn(
    join(ROOT, ".venv/bin/python"),
    ["-m", "chat", "--port", port, "--database", join(folder, "tchat.db")],
    { cwd: ROOT, stdio: ["ignore", "ignore", "ignore"], env: { ...process.env, CHAT_LIMITS: "off" } },
  );
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; tries < 200; tries += 1) {
    const answer = await fetch(`${url}/healthz`).catch(() => null);
    if (answer?.ok) return { server, url };
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error("the server did not start");
}

async function audit(browser, url, prepare) {
  const context = await browser.createBrowserContext();
  try {
    const page = await context.newPage();
    await prepare?.(page);
    const flags = { onlyCategories: CATEGORIES, logLevel: "error", disableStorageReset: true };
    return (await lighthouse(url, flags, undefined, page)).lhr;
  } finally {
    await context.close();
  }
}

// With a nick and a key in its storage, a tab enters the room at once.
const enter = (page) =>
  page.evaluateOnNewDocument(
    (pair) => sessionStorage.setItem("tchat:me", pair),
    JSON.stringify({ nick: "Alice", key: "a-key-made-for-lighthouse" }),
  );

async function talk(browser, url) {
  const page = await browser.newPage();
  await page.goto(url);
  await page.evaluate(
    (count) =>
      new Promise((done) => {
        const socket = new WebSocket(`ws://${location.host}/ws`);
        let left = count;
        socket.onopen = () => socket.send(JSON.stringify({ type: "join", nick: "Bob" }));
        socket.onmessage = ({ data }) => {
          const { type } = JSON.parse(data);
          if (type === "message" && --left === 0) done();
          if (type !== "welcome") return;
          for (let i = 1; i <= count; i += 1) {
            const text = `Message **${i}** of somebody, with \`code\` and a line of ordinary words.`;
            socket.send(JSON.stringify({ type: "post", id: `m-${i}`, text }));
          }
        };
      }),
    MESSAGES,
  );
  await page.close();
}

function report({ name, asked }, results) {
  const score = (category) => median(results.map((each) => each.categories[category].score));
  const scores = CATEGORIES.map((category) => [category, Math.round(100 * score(category))]);
  const times = TIMES.map((id) => `${id} ${median(results.map((each) => each.audits[id].numericValue)).toFixed(2)}`);
  const [{ audits, categories }] = results;
  const bytes = audits["total-byte-weight"].numericValue;
  console.log(`${name}: ${scores.map((pair) => pair.join(" ")).join(", ")}`);
  console.log(`  ${times.join(", ")}; ${Math.round(bytes / 1000)} kB with headers`);
  for (const [category, reached] of scores) {
    if (reached >= asked[category]) continue;
    process.exitCode = 1;
    console.log(`  ${category} is below ${asked[category]}:`);
    for (const { id, weight } of categories[category].auditRefs) {
      const { score, title, displayValue = "" } = audits[id];
      if (weight > 0 && score !== null && score < 1) console.log(`    ${id}: ${title} ${displayValue}`);
    }
  }
}

const folder = mkdtempSync(join(tmpdir(), "tchat-lighthouse-"));
const { server, url } = await serve(folder);
const browser = await puppeteer.launch({ executablePath: chromium(), args: ["--no-sandbox"] });
try {
  await talk(browser, url);
  for (const page of PAGES) {
    const results = [];
    for (let run = 0; run < RUNS; run += 1) results.push(await audit(browser, `${url}/`, page.prepare));
    report(page, results);
  }
} finally {
  await browser.close();
  server.kill();
  rmSync(folder, { recursive: true, force: true });
}
