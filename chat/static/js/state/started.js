// Marks the page as working. Until then its buttons do nothing, and after some seconds a sentence
// says so. That sentence needs no script (states.css).

export function started() {
  document.getElementById("stalled").remove();
  document.querySelector(".top").inert = false;
}
