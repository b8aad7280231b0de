// Writes a day and a time for use within a sentence: « demain à 14:00 ».

import { daysBetween } from "../../base/dates.js";

// English writes the names of days with a capital.
export function when(date, { strings, dates, language }, now = new Date()) {
  const day = dates.day(date, now);
  const isName = language === "en" && Math.abs(daysBetween(now, date)) > 1;
  return strings.say("dayAt", { day: isName ? day : lowered(day), time: dates.time(date) });
}

const lowered = ([first, ...rest]) => first.toLowerCase() + rest.join("");
