// The candidates of a run by keyboard: j and k go from one to the next, x ticks, g ticks a group, Enter opens one.
// Without this file every part of the page works by its boxes and buttons.
(() => {
  "use strict";
  const list = () => document.querySelector("[data-candidates]");
  const rows = () => [...document.querySelectorAll("[data-candidates] [data-row]")];
  const box = (row) => row?.querySelector("input[type=checkbox]");
  const here = () => rows().find((row) => row.contains(document.activeElement));
  let place = 0;   // of the row that had the focus when something was done
  const go = (row) => {
    if (!row) return;
    box(row).focus();
    row.scrollIntoView({ block: "nearest" });
  };
  const step = (by) => {
    const all = rows(), at = all.indexOf(here());
    go(all[Math.min(Math.max(at + by, 0), all.length - 1)]);
  };
  const tick = (boxes, on) => boxes.forEach((one) => { one.checked = on; });
  document.addEventListener("click", (event) => {
    const on = (selector) => event.target.closest(selector);
    if (on("[data-next]")) step(1);
    if (on("[data-back]")) step(-1);
    if (on("[data-tick]")) box(here())?.click();
    if (on("[data-tick-group]")) {
      const boxes = [...(here()?.closest("[data-group]").querySelectorAll("[name=candidate]") || [])];
      tick(boxes, !boxes.every((one) => one.checked));
    }
    if (on("[data-look]")) here()?.querySelector("[data-summary]").click();
    if (on("[data-act]") && !rows().some((row) => box(row).checked) && here()) box(here()).checked = true;   // nothing ticked: the one in hand
    if (on("#candidates button[name=do]")) place = Math.max(0, rows().indexOf(here() || event.target.closest("[data-row]")));
  });
  document.addEventListener("keydown", (event) => {   // on a box alone: on buttons and links Enter does what they say
    if (event.key !== "Enter" || event.defaultPrevented || !event.target.matches?.("[data-candidates] [data-row] input[type=checkbox]")) return;
    event.preventDefault();
    here()?.querySelector("[data-summary]").click();
  });
  document.addEventListener("htmx:load", ({ detail: { elt } }) => {
    if (elt.id === "candidates" && list() && !elt.querySelector("[role=alert]")) go(rows()[Math.min(place, rows().length - 1)]);
  });
})();
