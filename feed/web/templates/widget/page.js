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
  // The page follows what is published by asking again, once in each max-age of the last answer:
  // the viewer's clock may be wrong, and only a server that answers may replace what is shown.
  function look() {
    if (document.hidden) {
      document.addEventListener("visibilitychange", look, { once: true });
      return;
    }
    fetch(location.href, { cache: "no-cache" }).then(function (answer) {
      if (!answer.ok) throw answer.status;
      var age = /max-age=(\d+)/.exec(answer.headers.get("Cache-Control") || "");
      return answer.text().then(function (page) {
        if (page.indexOf(main.dataset.version) < 0) location.reload();
        else wait(age ? +age[1] : 300);
      });
    }).catch(function () { wait(60); });
  }
  function wait(seconds) {
    setTimeout(look, 1000 * Math.max(seconds, 5) * (1 - Math.random() / 5));
  }
  var left = (Date.parse(main.dataset.until) - Date.now()) / 1000;
  wait(left < 300 ? left + 1 : 300);
})();
