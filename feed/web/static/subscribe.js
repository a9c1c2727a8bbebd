/* The timezone of the browser, unless another was chosen meanwhile. Without this, the site's. */
(() => {
  "use strict";
  const list = document.querySelector("select[data-guess]");
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const chosen = list.selectedOptions[0];
  if (!timeZone || !chosen.defaultSelected) return;
  const known = [...list.options].find(({ value, dataset }) =>
    value === timeZone || (dataset.also ?? "").split(" ").includes(timeZone));
  if (known) known.selected = true;
})();
