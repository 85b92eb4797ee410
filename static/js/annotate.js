// The annotation page: time left, drafts that save themselves, the next item shown before the answer arrives.
// Without this file every part of the page works by plain forms.
(() => {
  "use strict";
  const SOON = 120;            // seconds before the end of a claim from which on it is warned of
  const PAUSE = 1500, LONGEST = 6000;   // ms after the last change, and at the latest, until a draft is sent
  const on = (name, act) => document.addEventListener(name, act);
  const item = () => document.getElementById("item");
  const form = () => document.getElementById("answer");
  const say = (text) => { const line = document.getElementById("status"); if (line) line.textContent = text; };
  const clock = (date) => date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const html = (text) => { const made = document.createElement("template"); made.innerHTML = text; return made.content; };

  // --- time in front of the person: counts only while the page is seen ---
  let counted = 0, since = document.hidden ? null : performance.now();
  const lap = () => {
    if (since !== null) counted += performance.now() - since;
    since = document.hidden ? null : performance.now();
    return counted / 1000;
  };
  let base = 0;   // seconds that came with the form, not saved yet
  const spent = () => (base + lap()).toFixed(1);

  // --- time left on the item ---
  let end = null, warned = "";
  const left = (seconds) => { end = Number.isFinite(seconds) ? performance.now() + seconds * 1000 : null; warned = ""; tick(); };
  const span = (seconds) => `${Math.floor(seconds / 60).toString().padStart(2, "0")}:${Math.floor(seconds % 60).toString().padStart(2, "0")}`;
  const tick = () => {
    const line = item()?.querySelector("[data-clock]");
    if (!line || end === null) return;
    const seconds = Math.max(0, (end - performance.now()) / 1000);
    if (seconds > 86400) return;
    line.classList.toggle("soon", seconds <= SOON);
    if (seconds <= 0) {
      line.textContent = "Time is up. Your work is kept; submit works while the place is free.";
      if (warned !== "up") say(line.textContent);
      warned = "up";
      return;
    }
    line.textContent = `${span(seconds)} left on this item`;
    if (seconds <= SOON && !warned) {
      warned = "soon";
      say(`${Math.ceil(seconds / 60)} minutes left on this item. A change saves a draft and gives you more time.`);
    }
  };
  setInterval(tick, 1000);

  // --- what was written, kept in this browser until the server has it ---
  const slot = (id) => `winnow-draft-${id}`;
  const entries = () => [...new FormData(form())].filter(([name, value]) => (name.startsWith("a-") || name === "note") && typeof value === "string");
  const keep = () => {
    try { localStorage.setItem(slot(item().dataset.item), JSON.stringify({ at: Date.now(), entries: entries() })); } catch { /* full or forbidden: the draft on the server remains */ }
  };
  const kept = (id) => { try { return JSON.parse(localStorage.getItem(slot(id))); } catch { return null; } };
  const forget = (id) => { try { localStorage.removeItem(slot(id)); } catch { /* nothing was kept */ } };
  const sweep = () => {   // what is older than two weeks has no item to return to
    try {
      Object.keys(localStorage).filter((key) => key.startsWith("winnow-draft-")).forEach((key) => {
        const at = JSON.parse(localStorage.getItem(key))?.at;
        if (!at || Date.now() - at > 14 * 86400000) localStorage.removeItem(key);
      });
    } catch { /* not ours to mend */ }
  };

  // --- drafts ---
  let moved = null;   // the item that a request of htmx submits or skips
  let dirty = false, first = 0, timer = null, flying = null, away = 0;
  const saved = (text) => { const line = item()?.querySelector("[data-saved]"); if (line) line.textContent = text; };
  const changed = () => {
    if (!form()) return;
    dirty = true;
    first = first || performance.now();
    form().removeAttribute("data-untouched");
    clearTimeout(timer);
    timer = setTimeout(send, Math.max(0, Math.min(PAUSE, first + LONGEST - performance.now())));
  };
  let keeping = null;
  on("input", ({ target }) => {
    if (!target.closest("[data-fields], .note")) return;
    changed();
    clearTimeout(keeping);
    keeping = setTimeout(() => form() && keep(), 250);
  });
  on("change", ({ target }) => { if (target.closest("[data-fields], .note")) { changed(); keep(); } });

  const send = (last = false) => {
    clearTimeout(timer);
    if (!dirty || flying || !form() || !item().dataset.draft || item().querySelector(".conflict")) return flying;   // a conflict waits for her choice
    const whose = item(), data = new FormData(form()), seconds = spent();
    data.set("seconds", seconds);
    dirty = false;
    first = 0;
    flying = fetch(whose.dataset.draft, { method: "POST", body: data, headers: { "HX-Request": "true" }, keepalive: last, credentials: "same-origin" })
      .then(async (response) => {
        const json = (response.headers.get("content-type") || "").startsWith("application/json");
        if (item() !== whose) return;
        if (response.ok && json) {
          const told = await response.json();
          form().elements.version.value = told.version;
          base -= Number(seconds);
          if (told.left !== null) left(told.left);
          saved(`saved ${clock(new Date(told.saved))}`);
          away = 0;
          if (!dirty) forget(whose.dataset.item);
        } else if (response.status === 409) {
          replace(await response.text());
        } else {
          refused(response.redirected ? "You are signed out. Sign in again in another tab; your text is kept here." : `The server answered ${response.status}. Your text is kept in this browser.`);
        }
      })
      .catch(() => refused("The server cannot be reached. Your text is kept in this browser."))
      .finally(() => { flying = null; if (dirty && item() === whose) timer = setTimeout(send, away ? Math.min(2000 * away, 20000) : PAUSE); });
    return flying;
  };
  const refused = (why) => {
    dirty = true;
    if (!away) say(why);
    away += 1;
    saved(why);
  };
  const replace = (text) => {
    const made = html(text).querySelector("#item");
    if (!made) return;
    item().replaceWith(made);
    moved = null;
    htmx.process(made);
    htmx.trigger(made, "htmx:load", { elt: made });   // as if htmx had brought it
  };
  on("visibilitychange", () => { lap(); if (document.hidden) send(true); });
  window.addEventListener("pagehide", () => send(true));

  // --- the next item, fetched in advance ---
  let ahead = null;
  const fetchAhead = (whose) => {
    const id = whose.dataset.item;
    setTimeout(() => {
      if (item() !== whose || ahead?.after === id) return;
      fetch(`${whose.dataset.url}?ahead=${id}`, { headers: { "HX-Request": "true" }, credentials: "same-origin" })
        .then((response) => (response.status === 200 && !response.redirected ? response.text() : null))
        .then((text) => { if (text && item() === whose) ahead = { after: id, text }; })
        .catch(() => { /* it then comes with the answer */ });
    }, 400);
  };
  const showAhead = () => {
    const now = item();
    if (!ahead || ahead.after !== now.dataset.item || form()?.hasAttribute("data-untouched")) return;
    const made = html(ahead.text).querySelector("#item");
    if (!made) return;
    made.removeAttribute("hx-get");
    made.inert = true;
    [made, ...made.querySelectorAll("[id]")].forEach((el) => el.removeAttribute("id"));
    made.dataset.shownAhead = "";
    now.hidden = true;
    now.after(made);
    window.scrollTo(0, 0);
  };
  const hideAhead = () => {
    document.querySelectorAll("[data-shown-ahead]").forEach((el) => el.remove());
    if (item()) item().hidden = false;
  };

  // --- an item comes into the page ---
  const set = (whose) => {
    clearTimeout(timer);
    dirty = false;
    first = 0;
    lap();
    counted = 0;
    base = Number(form()?.elements.seconds?.value) || 0;
    left(whose.dataset.left === undefined ? NaN : Number(whose.dataset.left));
    if (!form()) return;
    if (ahead && ahead.after !== whose.dataset.item) ahead = null;
    const before = kept(whose.dataset.item);
    if (before && JSON.stringify(before.entries) !== JSON.stringify(entries())) restore(whose, before);
    fetchAhead(whose);
  };
  const restore = (whose, before) => {   // the server draws the form again with what this browser kept
    const data = new FormData(form());
    [...data.keys()].filter((name) => name.startsWith("a-") || name === "note").forEach((name) => data.delete(name));
    before.entries.forEach(([name, value]) => data.append(name, value));
    data.set("do", "restore");
    forget(whose.dataset.item);   // once only; it is kept again with the next change
    fetch(whose.dataset.url, { method: "POST", body: data, headers: { "HX-Request": "true" }, credentials: "same-origin" })
      .then(async (response) => {
        if (!response.ok || item() !== whose) return;
        replace(await response.text());
        saved("brought back what was not saved");
      })
      .catch(() => { try { localStorage.setItem(slot(whose.dataset.item), JSON.stringify(before)); } catch { /* as before */ } });
  };
  const focusFirst = () => {
    const field = form()?.querySelector("[data-fields] :is(textarea, select, input:not([type=hidden]), button):not(:disabled)");
    if (field && !matchMedia("(pointer: coarse)").matches) field.focus({ preventScroll: true });
  };

  // --- htmx ---
  let tries = 0;
  on("htmx:confirm", (event) => {   // a draft on its way must arrive first: it brings the version that the answer builds on
    if (!flying || !event.detail.elt.closest?.("#item")) return;
    event.preventDefault();
    flying.then(() => event.detail.issueRequest(true));
  });
  on("htmx:configRequest", ({ detail }) => {
    if (detail.verb === "post" && detail.elt.closest("#item, #bulk")) detail.parameters.seconds = spent();
  });
  on("htmx:beforeRequest", ({ detail }) => {
    if (detail.elt !== form()) return;
    clearTimeout(timer);
    moved = null;
    const what = detail.requestConfig.parameters.do;
    if (what !== "submit" && what !== "skip") return;
    moved = item().dataset.item;
    if (what === "submit") keep();
    showAhead();
  });
  on("htmx:beforeSwap", ({ detail }) => { if (detail.target?.id === "item") hideAhead(); });
  on("htmx:load", ({ detail: { elt } }) => {
    if (elt.id !== "item") return;
    tries = 0;
    if (moved && elt.dataset.item !== moved) { forget(moved); window.scrollTo(0, 0); }
    const unsaved = moved === null || elt.dataset.item === moved;
    set(elt);
    if (unsaved && form()) changed();   // the form was drawn again with what stood in it
    if (!elt.querySelector("[data-focus]")) focusFirst();
  });
  const again = ({ detail }) => {
    if (detail.elt !== form()) return;
    hideAhead();
    const status = detail.xhr?.status || 0, submitter = detail.requestConfig.triggeringEvent?.submitter;
    tries += 1;
    const why = status ? `The server answered ${status}.` : "The server cannot be reached.";
    const wait = Math.min(1000 * 2 ** tries, 20000);
    saved(`${why} Your answer is kept in this browser and is sent again by itself.`);
    say(`${why} Your answer is kept and is sent again by itself.`);
    if (status && ![502, 503, 504].includes(status)) { saved(`${why} Your answer is kept in this browser. Submit again.`); return; }
    const mine = form();
    setTimeout(() => { if (form() === mine) mine.requestSubmit(mine.contains(submitter) ? submitter : undefined); }, wait);
  };
  on("htmx:sendError", again);
  on("htmx:responseError", again);
  on("htmx:timeout", again);

  // --- small helps ---
  on("click", ({ target }) => {
    if (target.closest("[data-close]")) target.closest("dialog").close();
    if (target.closest("[data-leave]")) document.activeElement?.blur();
  });
  on("keydown", (event) => {   // out of a field, so that plain keys act
    if (event.key === "Escape" && !document.querySelector("dialog[open]") && event.target.closest?.("#answer")) event.target.blur();
  });
  document.addEventListener("toggle", ({ target }) => { if (target.matches?.("details.note") && target.open) target.querySelector("textarea").focus(); }, true);

  // --- the list of many items: j and k go from row to row, x ticks ---
  const rows = () => [...document.querySelectorAll("#bulk [data-row]")];
  const step = (by) => {
    const list = rows(), at = list.findIndex((row) => row.contains(document.activeElement));
    const next = list[Math.min(Math.max(at + by, 0), list.length - 1)];
    next?.querySelector("input[type=checkbox]").focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  on("click", ({ target }) => {
    if (target.closest("[data-row-next]")) step(1);
    if (target.closest("[data-row-back]")) step(-1);
    if (target.closest("[data-row-tick]")) rows().find((row) => row.contains(document.activeElement))?.querySelector("input[type=checkbox]").click();
  });
  const tally = () => {
    const line = document.querySelector("#bulk [data-tally]");
    if (line) line.textContent = rows().filter((row) => row.querySelector("input[type=checkbox]").checked).length;
  };
  on("change", ({ target }) => { if (target.closest("#bulk")) tally(); });
  on("htmx:load", ({ detail: { elt } }) => { if (elt.id === "bulk") { lap(); counted = 0; tally(); } });
  tally();

  sweep();
  if (item()) { set(item()); if (!document.querySelector("[data-focus]")) focusFirst(); }
})();
