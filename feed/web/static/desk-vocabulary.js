/* The form of a source or theme: the credit and near-duplicates follow while one writes. */
(() => {
  "use strict";
  const form = document.querySelector("form.vocabulary");
  let timer;

  async function check() {
    const given = new URLSearchParams(new FormData(form));
    given.set("act", "preview");
    const answer = await fetch(form.action, { method: "POST", body: given });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["similar", "credit"]) {
      const before = document.getElementById(id);
      const after = page.getElementById(id);
      if (before && after && !before.isEqualNode(after)) before.replaceWith(document.adoptNode(after));
    }
  }

  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => check().catch(() => {}), 700);
  });
})();
