// Draws the round mark beside a nick: initials in one of twelve hues. A member's hue never changes.

const HUES = 12;
const LETTER = /^\p{L}/u;

// FNV-1a: ids that differ in one letter get unrelated hues.
export function hueOf(memberId) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < memberId.length; i += 1) {
    hash = Math.imul(hash ^ memberId.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) % HUES;
}

export function initials(nick) {
  const words = nick.split(/[\s._-]+/u).filter(Boolean);
  const [first, ...others] = (words.length > 0 ? words : [nick]).map(firstLetter);
  const both = others.length > 0 && LETTER.test(first) && LETTER.test(others.at(-1));
  return (both ? first + others.at(-1) : first).toLocaleUpperCase();
}

// Gives what a reader sees as one letter: one emoji may be seven code points.
function firstLetter(word) {
  if (!Intl.Segmenter) return Array.from(word)[0];
  const [segment] = new Intl.Segmenter().segment(word);
  return segment.segment;
}

// Colours `element`, writes the nick in it, and puts the initials into the mark inside it.
export function dressAs(element, member, names) {
  names.write(element.querySelector(".nick"), member);
  for (const name of [...element.classList]) {
    if (name.startsWith("hue-")) element.classList.remove(name);
  }
  element.classList.add(`hue-${hueOf(member.id)}`);
  element.querySelector(".mark").textContent = initials(member.nick);
}
