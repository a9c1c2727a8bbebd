/* Keeps the page of today current while it is left open: asks again, once in each max-age of the
   last answer, and shows in place what has changed. The viewer's clock may be wrong. */
(() => {
  "use strict";
  const main = document.getElementById("content");
  let wall, run, rest;

  function wait(seconds) {
    [wall, run, rest] = [Date.now(), performance.now(), seconds];
  }
  /* Shorter than usual up to the end of the day: asking just after it finds the new one. */
  function spread(seconds) {
    return seconds < 300 ? Math.max(seconds, 4) + 1 : seconds * (0.98 - Math.random() / 5);
  }
  async function look() {
    // Whichever clock ran further: one stands still while a laptop sleeps, the other may be set.
    const past = Math.max(Date.now() - wall, performance.now() - run) / 1000;
    if (document.hidden || past < rest) return;
    wait(30); // for the answer
    const answer = await fetch(location.href, { cache: "no-cache" });
    if (!answer.ok) return;
    const age = /max-age=(\d+)/.exec(answer.headers.get("Cache-Control") || "");
    wait(spread(age ? +age[1] : 300));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("content");
    if (!fresh || fresh.isEqualNode(main)) return;
    document.title = page.title;
    document.body.className = page.body.className;
    main.replaceChildren(...document.adoptNode(fresh).childNodes);
  }
  const act = () => look().catch(() => wait(60));
  document.addEventListener("visibilitychange", act);
  addEventListener("pageshow", act);
  addEventListener("online", act);
  setInterval(act, 5000);
  wait(60);
})();
