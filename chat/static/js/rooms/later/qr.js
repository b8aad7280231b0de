// Draws a text as a QR code.

import { encode } from "../../../vendor/uqr/uqr.js";

const SVG = "http://www.w3.org/2000/svg";
const QUIET_ZONE = 4; // modules of white around the code, which scanners need

// Fills `svg`.
export function drawQr(svg, text) {
  const { data, size } = encode(text, { ecc: "M", border: QUIET_ZONE });
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", outline(data));
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.replaceChildren(path);
}

// Gives one rectangle for each run of dark modules in a row, so that there are no thin lines
// between neighbours.
export function outline(rows) {
  let path = "";
  rows.forEach((row, y) => {
    for (let x = 0; x < row.length; x += 1) {
      if (!row[x]) continue;
      const start = x;
      while (row[x + 1]) x += 1;
      path += `M${start} ${y}h${x + 1 - start}v1h-${x + 1 - start}z`;
    }
  });
  return path;
}
