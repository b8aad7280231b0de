import assert from "node:assert/strict";
import { test } from "node:test";

import { Dates, untilMidnight, waitUntil } from "../../../chat/static/js/base/dates.js";
import { hueOf, initials } from "../../../chat/static/js/people/mark.js";
import { Strings } from "../../../chat/static/js/base/strings.js";

test("sentences are filled in, and only once", () => {
  const strings = new Strings({ hello: "Hello {nick}, {unknown}" }, "en");
  assert.equal(strings.say("hello", { nick: "{nick}" }), "Hello {nick}, {unknown}");
});

test("zero is singular in French and plural in English", () => {
  const forms = { people: { one: "{count} one", other: "{count} other" } };
  assert.equal(new Strings(forms, "fr").count("people", 0), "0 one");
  assert.equal(new Strings(forms, "en").count("people", 0), "0 other");
  assert.equal(new Strings(forms, "fr").count("people", 1_000_000), "1000000 other");
});

test("days are named as people name them", () => {
  const dates = new Dates("fr", ["fr-FR"]);
  const now = new Date(2026, 2, 3, 0, 30);
  assert.equal(dates.day(new Date(2026, 2, 3, 0, 5), now), "Aujourd’hui");
  assert.equal(dates.day(new Date(2026, 2, 2, 23, 55), now), "Hier");
  assert.equal(dates.day(new Date(2026, 1, 1), now), "Dimanche 1er février");
  assert.equal(dates.day(new Date(2025, 1, 1), now), "Samedi 1er février 2025");
});

test("times are written in the reader's own variety of the page's language", () => {
  const at = new Date(2026, 2, 3, 14, 5);
  assert.equal(new Dates("en", ["fr-FR", "en-GB"]).time(at), "14:05");
  assert.match(new Dates("en", ["en-US"]).time(at), /^2:05\sPM$/);
});

test("an exact time says the day, unless it is today", () => {
  const dates = new Dates("en", ["en-GB"]);
  const now = new Date(2026, 2, 3, 14, 5, 6);
  assert.equal(dates.exact(now, now), "14:05:06");
  assert.equal(dates.exact(now, new Date(2026, 2, 4)), "3 Mar 2026, 14:05:06");
  assert.equal(untilMidnight(new Date(2026, 2, 3, 23, 59, 58)), 2_000);
});

test("a wait is in seconds, and a long one in minutes", () => {
  const waits = [-5, 1, 7_001, 99_000, 99_001, 3_600_000].map((ms) => waitUntil(1_000 + ms, 1_000));
  assert.deepEqual(waits, ["1\u00a0s", "1\u00a0s", "8\u00a0s", "99\u00a0s", "2\u00a0min", "60\u00a0min"]);
});

test("how long something lasts is said in the unit that people use", () => {
  const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];
  const lasting = (language) => [0, 8_000, minute, 90_000, 10 * minute, hour, 90 * minute, day, 36 * hour, 7 * day].map(
    (ms) => new Dates(language, []).lasting(ms - 10).replace("\u00a0", " "),
  );
  assert.deepEqual(lasting("fr"), [
    "1 seconde", "8 secondes", "1 minute", "90 secondes", "10 minutes",
    "1 heure", "90 minutes", "1 jour", "36 heures", "7 jours",
  ]);
  assert.equal(lasting("en").at(-1), "7 days");
});

test("initials are letters as readers see them", () => {
  assert.equal(initials("Amélie Durand"), "AD");
  assert.equal(initials("karim"), "K");
  assert.equal(initials("Bilal 3"), "B");
  assert.equal(initials("👩‍👩‍👧 Famille"), "👩‍👩‍👧");
  assert.equal(initials("..."), ".");
});

test("a member's hue is one of twelve, always the same", () => {
  const hues = new Set(Array.from({ length: 500 }, (_, i) => hueOf(`member-${i}`)));
  assert.equal(hues.size, 12);
  assert.equal(hueOf("a"), hueOf("a"));
});
