// Shows the page's icon, with the number of unread messages on it.

const MOST = 99;
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<path fill="#0f6c78" d="M5 1h22a4 4 0 0 1 4 4v16a4 4 0 0 1-4 4H14l-6.700 5.800A1 1 0 0 1 5.600 30v-5A4 4 0 0 1 1 21V5a4 4 0 0 1 4-4Z"/>
<text x="16" y="20.500" text-anchor="middle" fill="#fff" font-family="system-ui,sans-serif" font-weight="700" font-size="SIZE">NUMBER</text>
</svg>`;

export class Favicon {
  #link;
  #plain;

  constructor(link) {
    this.#link = link;
    this.#plain = link.href;
  }

  show(number) {
    this.#link.href = number > 0 ? drawn(number) : this.#plain;
  }
}

export function drawn(number) {
  const words = number > MOST ? `${MOST}+` : `${number}`;
  const size = [21, 19, 14][words.length - 1];
  const svg = ICON.replace("SIZE", size).replace("NUMBER", words);
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
