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
  var until = Date.parse(main.dataset.until);
  function turn() {
    // Only a server that answers may replace what is shown.
    fetch(location.href, { method: "HEAD", cache: "reload" }).then(function (answer) {
      if (answer.ok) location.reload();
      else setTimeout(turn, 60000);
    }, function () { setTimeout(turn, 60000); });
  }
  if (until) setTimeout(turn, Math.max(until - Date.now(), 60000) + Math.random() * 20000);
})();
