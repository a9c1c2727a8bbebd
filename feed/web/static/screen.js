/* Shows the texts of a screen in turn. Nothing in the page changes but how far it is scrolled:
   today.js compares the page with a new one. */
(() => {
  "use strict";
  const main = document.getElementById("content");
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let turn = 0;

  setInterval(() => {
    const slides = main.children;
    if (slides.length < 2) return;
    turn = (turn + 1) % slides.length;
    main.scrollTop = slides[turn].offsetTop;
    if (!still.matches) slides[turn].animate({ opacity: [0, 1] }, 800);
  }, 20000);
})();
