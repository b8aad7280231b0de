// Writes days and times in the reader's language and time zone.

const GROUP_MS = 5 * 60_000;

// Gives the reader's own variety of the page's language. British English, for example, counts 24
// hours.
export function localeOf(language, preferred = navigator.languages) {
  return preferred.find((tag) => tag.split("-")[0] === language) ?? language;
}

export class Dates {
  #time;
  #full;
  #day;
  #dayAndYear;
  #relative;
  #locale;

  constructor(language, preferred = navigator.languages) {
    const locale = localeOf(language, preferred);
    const day = { weekday: "long", day: "numeric", month: "long" };
    this.#locale = locale;
    this.#time = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
    this.#full = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" });
    this.#day = new Intl.DateTimeFormat(locale, day);
    this.#dayAndYear = new Intl.DateTimeFormat(locale, { ...day, year: "numeric" });
    this.#relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  }

  time(date) {
    return this.#time.format(date);
  }

  full(date) {
    return this.#full.format(date);
  }

  day(date, now = new Date()) {
    const distance = Math.round((midnight(date) - midnight(now)) / 86_400_000);
    if (distance === 0 || distance === -1) return this.#capital(this.#relative.format(distance, "day"));
    const format = date.getFullYear() === now.getFullYear() ? this.#day : this.#dayAndYear;
    return this.#capital(format.formatToParts(date).map((part) => this.#ordinal(part)).join(""));
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

function midnight(date) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

export function sameDay(one, other) {
  return midnight(one) === midnight(other);
}

export function within5Minutes(earlier, later) {
  return Math.abs(later - earlier) < GROUP_MS;
}
