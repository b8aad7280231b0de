// Writes what the page shows of a text as HTML for a file. Only the elements and attributes that are
// named here are written, and all text is escaped. So nothing that somebody wrote can become more
// than text, whatever the page's elements have.

const TEXT = 3; // Node.TEXT_NODE
const ELEMENT = 1;

const KEPT = new Set("a bdi blockquote br code del div em li ol p pre s span strong ul".split(" "));
const AS = { mark: "span" }; // whom a message calls is nobody's business but the reader's
const DROPPED = new Set(["button", "script", "style", "svg", "template"]);
const ATTRIBUTES = ["class", "dir", "role"];
const LINKS = /^(?:https?|mailto):/i;

const SIGNS = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export const escaped = (text) => String(text).replace(/[&<>"']/g, (sign) => SIGNS[sign]);

// Gives the HTML of all that is in a node. What is hidden, and buttons, are left out.
export const plainHtml = (node) => Array.from(node.childNodes, html).join("");

function html(node) {
  if (node.nodeType === TEXT) return escaped(node.data);
  if (node.nodeType !== ELEMENT || node.hidden || DROPPED.has(node.localName)) return "";
  const name = AS[node.localName] ?? node.localName;
  if (!KEPT.has(name)) return plainHtml(node);
  if (name === "br") return "<br>";
  return `<${name}${attributes(node, name)}>${plainHtml(node)}</${name}>`;
}

function attributes(node, name) {
  const all = ATTRIBUTES.map((each) => [each, node.getAttribute(each)]);
  if (name === "pre") all.push(["tabindex", "0"], ["role", "group"]); // the keyboard can scroll it
  if (name === "pre") all.push(["aria-label", node.getAttribute("aria-label")]);
  const href = name === "a" ? node.getAttribute("href") : null;
  if (href !== null && LINKS.test(href)) all.push(["href", href], ["rel", "noopener noreferrer nofollow"]);
  return [...new Map(all.filter(([, value]) => value))]
    .map(([each, value]) => ` ${each}="${escaped(value)}"`)
    .join("");
}
