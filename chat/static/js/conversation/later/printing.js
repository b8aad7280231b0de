// Writes above a conversation that is printed where it was, when that is, and what is missing.

export class Printing {
  // `place`: the element that only paper shows.
  constructor({ place, messages, dates, strings }) {
    addEventListener("beforeprint", () => {
      const link = decodeURI(location.origin + location.pathname);
      const lines = [link, dates.full(new Date())];
      if (messages.first?.seq > 1) lines.push(strings.say("textBegins"));
      place.textContent = lines.join("\n");
    });
  }
}
