// The page works from here on. Until then its buttons do nothing, and after some seconds a sentence
// says so, which needs no script (states.css).

export function started() {
  document.getElementById("stalled").remove();
  document.querySelector(".top").inert = false;
}
