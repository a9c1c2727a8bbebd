/* The form of a principle, made nicer: counts while one writes, a preview that follows, and checks
   that come by themselves. */
(() => {
  "use strict";
  const form = document.getElementById("sheet");
  const counts = [...form.querySelectorAll("[data-count]")];
  let asked = null; // the preview that was asked for last
  const timers = {};

  function later(name, wait, act) {
    clearTimeout(timers[name]);
    timers[name] = setTimeout(act, wait);
  }

  function count(hint) {
    const { count: name, least, most } = hint.dataset;
    const length = [...form.elements[name].value.trim()].length;
    hint.textContent = hint.textContent.replace(/\d+/, length);
    hint.classList.toggle("over", length > most || (length > 0 && length < least));
  }

  /* A new frame each time: what it showed before is no page to go back to. */
  function preview() {
    const frame = document.getElementById("preview");
    frame.replaceWith(frame.cloneNode());
    form.requestSubmit(asked);
  }

  async function check() {
    const given = new URLSearchParams(new FormData(form));
    given.set("act", "check");
    const answer = await fetch(form.action, { method: "POST", body: given });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const remark of form.querySelectorAll("[data-remark]")) {
      const newer = page.getElementById(remark.id);
      if (newer && newer.textContent !== remark.textContent) remark.replaceChildren(...newer.childNodes);
    }
  }

  form.addEventListener("input", ({ target }) => {
    counts.filter(({ dataset }) => dataset.count === target.name).forEach(count);
    later("preview", 700, () => asked && preview());
    later("check", 1200, () => check().catch(() => {}));
  });
  form.elements.original_language?.addEventListener("change", () => {
    form.requestSubmit(document.getElementById("change-language"));
  });
  form.addEventListener("submit", ({ submitter }) => {
    if (submitter?.formTarget) {
      asked = submitter;
    } else {
      Object.values(timers).forEach(clearTimeout);
    }
  });
  counts.forEach(count);

  /* The page in the original language, once somebody comes to where it shows. */
  new IntersectionObserver((seen, watcher) => {
    if (!seen.some(({ isIntersecting }) => isIntersecting)) return;
    watcher.disconnect();
    asked ??= form.querySelector("[formtarget]");
    later("preview", 300, preview); // not while whoever scrolled here presses a button
  }).observe(document.getElementById("preview"));
})();
