/* The builder without pressing a button: every choice shows at once, and code can be copied. */
(() => {
  "use strict";
  const words = document.currentScript.dataset;
  const form = document.querySelector(".builder");
  document.documentElement.classList.add("live");

  function copyable(within) {
    for (const block of within.querySelectorAll("pre")) {
      const line = document.createElement("div");
      const button = document.createElement("button");
      line.className = "copying";
      button.type = "button";
      button.textContent = words.copy;
      button.addEventListener("click", async () => {
        getSelection().selectAllChildren(block);
        try {
          await navigator.clipboard.writeText(block.textContent);
          button.textContent = words.copied;
        } catch {
          // Without https there is no clipboard; the code is selected, ready for the keyboard.
        }
        setTimeout(() => { button.textContent = words.copy; }, 2000);
      });
      line.append(button);
      block.before(line);
    }
  }

  let latest = 0;
  form.addEventListener("change", async () => {
    const mine = ++latest;
    const address = form.action.split("#")[0] + "?" + new URLSearchParams(new FormData(form));
    const answer = await fetch(address);
    if (!answer.ok || mine !== latest) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = document.adoptNode(page.getElementById("result"));
    document.getElementById("result").replaceWith(fresh);
    copyable(fresh);
    history.replaceState(null, "", address);
  });

  addEventListener("message", ({ data, source }) => {
    const frame = document.querySelector(".preview");
    if (frame.contentWindow === source && data.type === "devis:height") frame.height = data.height;
  });
  copyable(document);
})();
