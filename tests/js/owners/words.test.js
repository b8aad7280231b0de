import assert from "node:assert/strict";
import { test } from "node:test";

import { Dates } from "../../../chat/static/js/base/dates.js";
import { Strings } from "../../../chat/static/js/base/strings.js";
import { deedWords } from "../../../chat/static/js/owners/later/deed-words.js";
import { localTime, momentOf } from "../../../chat/static/js/owners/later/end-choice.js";
import { whyNot } from "../../../chat/static/js/owners/later/refusals.js";
import { when } from "../../../chat/static/js/owners/later/when.js";

// Each sentence is its own name, with the values that it is given.
const sentences = new Proxy({}, { get: (_, name) => `${name} {by} {member} {time} {when} {rules} {what} {wait}` });
const strings = new Strings(sentences, "en");
const page = { strings, dates: new Dates("en", ["en-GB"]), language: "en" };

const ADA = { id: "a", nick: "Ada" };
const BOB = { id: "b", nick: "Bob" };

function said(deed) {
  const { sentence, members } = deedWords({ by: ADA, at: "2026-01-01T00:00:00Z", ...deed }, page);
  const whole = sentence.replace(/\u2068(\d+)\u2069/g, (_, index) => members[index].nick);
  return whole.replace(/ ?\{\w+\}/g, "");
}

test("each deed has its sentence, in which people stand as people", () => {
  assert.equal(said({ what: "remove", member: BOB, target: 3 }), "didRemove Ada Bob");
  assert.equal(said({ what: "remove", member: ADA, target: 3 }), "didRemoveOwn Ada");
  assert.equal(said({ what: "pin", target: 3 }), "didPin Ada");
  assert.equal(said({ what: "pin" }), "didUnpin Ada");
  assert.equal(said({ what: "mute", member: BOB, for_s: 3600 }), "didMute Ada Bob 1 hour");
  assert.equal(said({ what: "mute", member: BOB, for_s: 0 }), "didUnmute Ada Bob");
  assert.equal(said({ what: "put_out", member: BOB, for_s: 600 }), "didPutOut Ada Bob 10 minutes");
  assert.equal(said({ what: "put_out", member: BOB, for_s: 0 }), "didLetIn Ada Bob");
  assert.equal(said({ what: "report", member: BOB, target: 3, text: "1" }), "didReport Ada Bob");
  assert.equal(said({ what: "erase", member: BOB }), "didEraseOf Ada Bob");
  for (const what of ["erase", "rekey", "end", "make"]) assert.match(said({ what }), /^did\w+ Ada$/);
  assert.equal(said({ what: "levitate" }), "didOther Ada levitate");
  assert.match(said({ what: "mute", member: { id: "b", nick: "" }, for_s: 60 }), /^didMute Ada somebody.* 1 minute$/);
});

test("a rule is told as it is now", () => {
  const rules = { write: "owners", pace_s: 60, locked: true, ends_at: "2026-01-01T12:00:00Z" };
  const all = said({ what: "rules", rules });
  for (const name of ["ruleOwners", "rulePace", "ruleLocked", "ruleEnds"]) assert.match(all, new RegExp(name));
  assert.match(said({ what: "rules", rules: { write: "all" } }), /ruleAll/);
});

test("a moment is said as people say it within a sentence", () => {
  const now = new Date(2026, 10, 27, 14, 5);
  const at = (language, ...date) => {
    const words = { strings: new Strings({ dayAt: "{day} at {time}" }, language), language };
    return when(new Date(...date), { ...words, dates: new Dates(language, []) }, now);
  };
  assert.equal(at("fr", 2026, 10, 27, 23, 59), "aujourd’hui at 23:59");
  assert.equal(at("fr", 2026, 10, 28, 9, 0), "demain at 09:00");
  assert.equal(at("fr", 2026, 11, 1, 9, 0), "mardi 1er décembre at 09:00");
  assert.match(at("en", 2026, 10, 28, 9, 0), /^tomorrow at /);
  assert.match(at("en", 2026, 11, 1, 9, 0), /^Tuesday/);
});

test("tonight is the end of the day, or of the night if it is late", () => {
  const at = (...date) => localTime(momentOf("tonight", new Date(...date)));
  assert.equal(at(2026, 10, 27, 14, 5), "2026-11-27T23:59");
  assert.equal(at(2026, 10, 30, 23, 30), "2026-12-01T04:00");
  assert.equal(localTime(momentOf("week", new Date(2026, 10, 27, 14, 5))), "2026-12-04T14:05");
});

test("each refusal has words, whatever the server says", () => {
  const name = (error) => whyNot(error, page).split(" ")[0];
  assert.equal(name({ code: "out" }), "refusedOut");
  assert.equal(name({ code: "not_owner" }), "refusedNotOwner");
  assert.equal(name({ code: "bad_command", command: "rules" }), "refusedTime");
  assert.equal(name({ code: "bad_command", command: "put_out" }), "refusedOwner");
  assert.equal(name({ code: "anything" }), "refusedOther");
  assert.match(whyNot({ code: "rate_limited", retry_after: 30 }, page), /30 seconds/);
});
