// Cleans the HTML of coloured code with DOMPurify. HTML reaches the page in no other way:
// DOMPurify's Trusted Types policy is the only one for HTML that the Content-Security-Policy allows.

import DOMPurify from "../../../vendor/dompurify/purify.js";

const ALLOWED = {
  ALLOWED_TAGS: ["#text", "span"],
  ALLOWED_ATTR: ["class"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

export function sanitise(html) {
  return DOMPurify.sanitize(html, ALLOWED);
}
