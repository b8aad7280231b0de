// Makes a paragraph of a text as it was written, without markup.

export function paragraph(text) {
  const element = document.createElement("p");
  element.dir = "auto";
  element.textContent = text;
  return element;
}
