// Cleans HTML with DOMPurify. HTML reaches the page in no other way: DOMPurify's Trusted Types
// policy is the only one for HTML that the Content Security Policy allows.

import DOMPurify from "../../../vendor/dompurify/purify.js";

const ALLOWED = {
  ALLOWED_TAGS: [
    ...["#text", "p", "br", "strong", "em", "del", "a", "code", "pre", "span"],
    ...["blockquote", "ul", "ol", "li"],
  ],
  ALLOWED_ATTR: ["href", "start", "class"],
  ALLOWED_URI_REGEXP: /^https?:\/\//i,
  ADD_URI_SAFE_ATTR: ["start"], // a number, not an address
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

export function sanitise(html) {
  return DOMPurify.sanitize(html, ALLOWED);
}
