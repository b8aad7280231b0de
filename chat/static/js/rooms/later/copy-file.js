// Makes the files of a copy: one to read, one for programs.

import { when } from "../../owners/later/when.js";
import { isPrivate } from "../room-title.js";
import { closing, CopyHtml, opening } from "./copy-html.js";
import { plainHtml } from "./plain-html.js";

const AT_ONCE = 50; // messages that are written without a pause

// Gives a file that a browser opens without a network. `messages`: oldest first; `isMuted`: those of
// people whom the reader has muted are left out; `isScreen`: there may be more than the page shows;
// `sheet`: the address of css/copy.css;
// `told(share)`: so much is written.
export async function htmlFile(messages, page) {
  const { called, language, sheet, text, room, told } = page;
  const seqs = new Set(messages.map(({ seq }) => seq));
  const copy = new CopyHtml({ ...page, has: (seq) => seqs.has(seq) });
  const head = { language, title: called.words, sheet: await sheetAt(sheet), about: about(messages, page) };
  const parts = [opening(head)];
  const element = document.createElement("div");
  for (const [index, each] of messages.entries()) {
    const message = room.current(each); // it may have been edited or removed meanwhile
    if (message.removed) parts.push(copy.message(message, ""));
    else {
      await text.fillApart(element, message.text);
      parts.push(copy.message(message, plainHtml(element)));
    }
    if (index % AT_ONCE === 0) {
      told(index / messages.length);
      await new Promise((done) => setTimeout(done));
    }
  }
  return new Blob([...parts, copy.end(), closing], { type: "text/html;charset=utf-8" });
}

// Gives the messages with all that the server tells of them.
export async function jsonFile(messages, { name, room, called, isMuted }) {
  const head = {
    room: called.words,
    ...(!isPrivate(name) && { address: location.origin + location.pathname }),
    copied: new Date().toISOString(),
    without_muted: isMuted,
    epoch: room.last?.epoch,
  };
  const written = JSON.stringify(head, null, 1).slice(0, -2);
  const lines = messages.map((message) => JSON.stringify(plain(room.current(message))));
  return new Blob([`${written},\n "messages": [\n${lines.join(",\n")}\n]}\n`], { type: "application/json" });
}

// « salon 2026-02-01.html », without signs that some systems forbid in names of files.
export function fileName({ called }, form, now = new Date()) {
  const day = [now.getFullYear(), now.getMonth() + 1, now.getDate()];
  const written = day.map((part) => String(part).padStart(2, "0")).join("-");
  const safe = called.words.replace(/[\p{C}\p{Zl}\p{Zp}<>:"/\\|?*]+/gu, " ").replace(/^[ .]+|[ .]+$/g, "");
  return `${Array.from(safe).slice(0, 64).join("") || "tchat"} ${written}.${form}`;
}

function about(messages, page) {
  const { name, strings, isMuted, isScreen } = page;
  // A private room's address is its key. It does not go with a copy that is passed on.
  const lines = isPrivate(name) ? [] : [decodeURI(location.origin + location.pathname)];
  lines.push(
    strings.count("copyAbout", messages.length, { when: when(new Date(), page, new Date(0)) }),
  );
  if (isScreen && messages[0]?.seq > 1) lines.push(strings.say("textBegins"));
  if (isMuted) lines.push(strings.say("textMuted"));
  return lines;
}

// The page's own type and colours. Sources that are not built import sheets from beside them.
async function sheetAt(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  const sheet = await answer.text();
  const parts = sheet.split(/@import "([^"]+)";/);
  const whole = parts.map((part, index) => (index % 2 === 0 ? part : sheetAt(beside(part, address))));
  return (await Promise.all(whole)).join("");
}

const beside = (name, address) => new URL(name, new URL(address, location.href)).href;

// The page marks what it knows of a message beside what the server tells.
const plain = ({ type: _, ...message }) => message;
