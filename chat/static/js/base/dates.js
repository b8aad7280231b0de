// Writes days and times in the reader's language and time zone.

const GROUP_MS = 5 * 60_000;

// Gives the reader's own variety of the page's language. British English, for example, counts 24
// hours.
export function localeOf(language, preferred = navigator.languages) {
  return preferred.find((tag) => tag.split("-")[0] === language) ?? language;
}

export class Dates {
  #time;
  #clock;
  #moment;
  #full;
  #day;
  #dayAndYear;
  #relative;
  #locale;
  #edition = 0;

  constructor(language, preferred = navigator.languages) {
    this.#locale = localeOf(language, preferred);
    this.#relative = new Intl.RelativeTimeFormat(this.#locale, { numeric: "auto" });
    this.renew();
  }

  // From now on, use the time zone that the reader is in now. What was written in another `edition`
  // may be wrong.
  renew() {
    const locale = this.#locale;
    const day = { weekday: "long", day: "numeric", month: "long" };
    this.#time = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
    this.#clock = new Intl.DateTimeFormat(locale, { timeStyle: "medium" });
    this.#moment = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });
    this.#full = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" });
    this.#day = new Intl.DateTimeFormat(locale, day);
    this.#dayAndYear = new Intl.DateTimeFormat(locale, { ...day, year: "numeric" });
    this.#edition += 1;
  }

  get edition() {
    return this.#edition;
  }

  time(date) {
    return this.#time.format(date);
  }

  // The time to the second, and the day if it is not today.
  exact(date, now = new Date()) {
    return (sameDay(date, now) ? this.#clock : this.#moment).format(date);
  }

  // The time to the second, and the whole date.
  full(date) {
    return this.#full.format(date);
  }

  // The day in words: today, the days beside it, or its date.
  day(date, now = new Date()) {
    const distance = daysBetween(now, date);
    if (Math.abs(distance) <= 1) return this.#capital(this.#relative.format(distance, "day"));
    const format = date.getFullYear() === now.getFullYear() ? this.#day : this.#dayAndYear;
    return this.#capital(format.formatToParts(date).map((part) => this.#ordinal(part)).join(""));
  }

  // How long something lasts, in the largest unit that does not blur it: « 3 heures », « 90 minutes ».
  lasting(ms) {
    const fits = ([, length]) => ms > 2 * length * NEARLY || Math.abs(ms / length - 1) < 1 - NEARLY;
    const [unit, length] = UNITS.find(fits) ?? UNITS.at(-1);
    const number = Math.max(1, Math.round(ms / length));
    return number.toLocaleString(this.#locale, { style: "unit", unit, unitDisplay: "long" });
  }

  // French writes « 1er février » for the first day of a month, but Intl writes « 1 février ».
  #ordinal({ type, value }) {
    return type === "day" && value === "1" && this.#locale.startsWith("fr") ? "1er" : value;
  }

  #capital(words) {
    const [first, ...rest] = words;
    return first.toLocaleUpperCase(this.#locale) + rest.join("");
  }
}

const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
];
const NEARLY = 0.98; // 59 minutes are an hour

// How many midnights are between two moments.
export function daysBetween(earlier, later) {
  return Math.round((midnight(later) - midnight(earlier)) / 86_400_000);
}

function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

export const LONG_WAIT_MS = 3_000; // a longer wait is told, and a post may be taken back meanwhile
export const TICK_MS = 1_000; // how often it is told anew

// Says how long it is until a moment: « 8 s », « 3 min ». Both languages write these units so.
export function waitUntil(moment, now = Date.now()) {
  const seconds = Math.max(1, Math.ceil((moment - now) / 1000));
  return seconds < 100 ? `${seconds}\u00a0s` : `${Math.ceil(seconds / 60)}\u00a0min`;
}

// Gives the milliseconds until the reader's next day begins. Some days have 23 or 25 hours.
export function untilMidnight(now = new Date()) {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1) - now;
}

export function sameDay(one, other) {
  return midnight(one) === midnight(other);
}

export function within5Minutes(earlier, later) {
  return Math.abs(later - earlier) < GROUP_MS;
}
