// Answers a file or a picture that is dropped or pasted: Tchat sends none. Without this, the browser
// would leave the page and open what was dropped.

// `refuse()` tells the reader.
export function answerFiles(refuse) {
  // Beside the fields nothing is taken, neither text nor links. A file is, so that it gets an answer.
  addEventListener("dragover", (event) => {
    if (isForField(event)) return;
    event.preventDefault();
    if (!hasFile(event)) event.dataTransfer.dropEffect = "none";
  });
  addEventListener("drop", (event) => {
    if (isForField(event)) return;
    event.preventDefault();
    if (hasFile(event)) refuse();
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (event.defaultPrevented || files.length === 0) return;
    const text = event.clipboardData.getData("text/plain");
    if (text !== "" && !isNames(text, files)) return; // with a picture of it, as office programs do
    event.preventDefault();
    refuse();
  });
}

const hasFile = ({ dataTransfer }) => dataTransfer.types.includes("Files");

// A picture that is dragged from another page may come with its address as text.
const isForField = (event) =>
  event.target.closest?.("input, textarea") &&
  (event.dataTransfer.types.includes("text/plain") || !hasFile(event));

// Some systems give a copied file's name or path as its text.
const isNames = (text, files) =>
  text.trim().split(/\r?\n/).every((line, i) => files[i] && line.endsWith(files[i].name));
