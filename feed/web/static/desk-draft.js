/* Saves what is typed into a form as a draft on the server: soon after a keystroke, and when the
   page is left. A module: it runs once, however many forms have drafts. */
const WAIT = 1500, RETRY = 5000; // milliseconds

function keep(note) {
  const { form } = note.previousElementSibling; // the signed field
  const { address, saved, failed, long } = note.dataset;
  let timer = 0;
  let typed = 0; // counts changes
  let stored = 0; // of these, how many the server has
  let running = null;

  const fields = () => new URLSearchParams(new FormData(form));

  function later(wait) {
    timer ||= setTimeout(save, wait);
  }

  async function save() {
    const sent = typed;
    timer = 0;
    running = new AbortController();
    try {
      const options = { method: "POST", body: fields(), signal: running.signal };
      const answer = await fetch(address, options);
      const time = answer.headers.get("Devis-Draft");
      if (answer.status >= 500) throw new Error(answer.statusText);
      note.textContent = time ? saved.replace("{time}", time) : answer.status === 413 ? long : "";
      stored = sent;
    } catch (error) {
      if (error.name === "AbortError") return;
      note.textContent = failed;
      later(RETRY);
    }
  }

  function stop() {
    clearTimeout(timer);
    timer = 0;
    running?.abort();
    stored = typed;
  }

  function leave() {
    if (typed > stored && navigator.sendBeacon(address, fields())) stop();
  }

  form.addEventListener("input", () => {
    typed += 1;
    later(WAIT);
  });
  form.addEventListener("submit", ({ submitter }) => submitter?.formTarget || stop());
  window.addEventListener("beforeunload", leave); // before the next page is asked for
  window.addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", () => document.hidden && leave());
}

document.querySelectorAll(".draft-saved").forEach(keep);
