// Fetches the later page (templates/later.html): the boxes with their style sheet, and the sentences
// of later scripts, for which a first view has no room.

// Gives a function that fetches the later page once, and gives a promise. After that, the boxes are
// in the document and `strings` has the sentences. It fails as `import()` does, so it is called
// within `parts.get` or what uses that; after a failure, the next call tries again.
export function laterPage(address, strings) {
  let loading = null;
  const load = async () => {
    const page = await fetchPage(address);
    const sentences = page.getElementById("later-strings"); // null: a proxy gave its own page
    const found = JSON.parse(sentences.textContent);
    await dress(page.querySelector("link"));
    strings.add(found);
    sentences.remove();
    document.body.append(...page.body.children);
  };
  return () => {
    loading ??= load().catch((error) => {
      loading = null;
      throw error;
    });
    return loading;
  };
}

function dress(sheet) {
  return new Promise((done, failed) => {
    sheet.onload = done;
    sheet.onerror = () => {
      sheet.remove();
      failed(new Error(sheet.href));
    };
    document.head.append(sheet);
  });
}

// Trusted Types let no script make elements of a text. Here the browser makes them.
function fetchPage(address) {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    const fail = () => failed(new Error(`${address}: ${request.status}`));
    request.open("GET", address);
    request.responseType = "document";
    request.onload = () => (request.status === 200 && request.response ? done(request.response) : fail());
    request.onerror = fail;
    request.send();
  });
}
