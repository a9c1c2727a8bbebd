(function () {
  "use strict";
  var root = document.documentElement, main = document.querySelector("main"), last = 0;
  if (parent === window) root.classList.add("alone");
  function tell() {
    var height = Math.ceil(main.getBoundingClientRect().height);
    if (height !== last && parent !== window) {
      last = height;
      parent.postMessage({ type: "devis:height", height: height }, "*");
    }
  }
  new ResizeObserver(tell).observe(main);
  addEventListener("message", function (event) {
    var data = event.data;
    if (event.source !== parent || !data) return;
    if (data.type === "devis:tell") {
      last = 0;
      tell();
    }
    if (data.type !== "devis:scheme") return;
    if (!/^(auto|light|dark)$/.test(data.scheme)) return;
    root.classList.remove("auto", "light", "dark");
    root.classList.add(data.scheme);
    document.querySelector("meta[name=color-scheme]").content =
      data.scheme === "auto" ? "light dark" : data.scheme;
  });
  // The page follows what is published by asking again, once in each max-age of the last answer.
  // Only a server that answers may replace what is shown. The viewer's clock may be wrong.
  var wall, run, rest;
  function wait(seconds) {
    wall = Date.now();
    run = performance.now();
    rest = seconds;
  }
  function look() {
    // Whichever clock ran further: one stands still while a laptop sleeps, the other may be set.
    var past = Math.max(Date.now() - wall, performance.now() - run) / 1000;
    if (document.hidden || past < rest) return;
    wait(30); // for the answer
    fetch(location.href, { cache: "no-cache" }).then(function (answer) {
      if (!answer.ok) throw answer.status;
      var age = /max-age=(\d+)/.exec(answer.headers.get("Cache-Control") || "");
      return answer.text().then(function (page) {
        if (page.indexOf(main.dataset.version) < 0) location.reload();
        else wait(spread(age ? +age[1] : 300));
      });
    }).catch(function () { wait(60); });
  }
  // Shorter than usual up to the end of the day: asking just after it finds the new one.
  function spread(seconds) {
    return seconds < 300 ? Math.max(seconds, 4) + 1 : seconds * (0.98 - Math.random() / 5);
  }
  document.addEventListener("visibilitychange", look);
  addEventListener("pageshow", look);
  addEventListener("online", look);
  setInterval(look, 5000);
  var left = (Date.parse(main.dataset.until) - Date.now()) / 1000;
  wait(left < 60 ? Math.max(left, 4) + 1 : 60);
})();
