// All behaviour of pages in one place. Every page works without it.
(() => {
  "use strict";
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const on = (name, act, capture = false) => document.addEventListener(name, act, capture);
  const say = (text) => { const line = document.getElementById("status"); if (line) line.textContent = text; };

  // --- theme: the system's → light → dark ---
  const order = ["auto", "light", "dark"];
  const names = { auto: "Theme: system", light: "Theme: light", dark: "Theme: dark" };
  const theme = () => root.dataset.theme || "auto";
  const showTheme = () => all("[data-theme-name]").forEach((el) => { el.textContent = names[theme()]; });
  on("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const next = order[(order.indexOf(theme()) + 1) % order.length];
    if (next === "auto") delete root.dataset.theme; else root.dataset.theme = next;
    try { localStorage.setItem("theme", next); } catch { /* not remembered, still applied */ }
    showTheme();
    say(names[next]);
  });

  // --- keys: a key clicks (or focuses) the element that names it in aria-keyshortcuts ("n", "Control+Enter", "j ArrowDown") ---
  const typing = (el) => el.isContentEditable || /^(TEXTAREA|SELECT)$/.test(el.tagName) || (el.tagName === "INPUT" && !/^(checkbox|radio|button|submit)$/.test(el.type));
  const seen = (el) => el.getClientRects().length > 0;
  const keysOf = (el) => el.getAttribute("aria-keyshortcuts").split(/\s+/).filter(Boolean);
  on("keydown", (event) => {
    const { target, key } = event;
    if (root.dataset.shortcuts === "off" || event.defaultPrevented || event.isComposing || event.altKey) return;
    const held = event.ctrlKey || event.metaKey;
    if ((typing(target) && !held) || (key.startsWith("Arrow") && target !== document.body)) return;
    const within = document.querySelector("dialog[open]") || document;
    const wanted = ((held ? "control+" : "") + key).toLowerCase();
    const named = all("[aria-keyshortcuts]", within).find((one) => (seen(one) || one.dataset.open === "keys") && keysOf(one).some((name) => name.toLowerCase() === wanted));
    // In any form that names no key, Ctrl and Enter press its primary button.
    const el = named || (wanted === "control+enter" && target.form?.querySelector("button.primary[type=submit]"));
    if (!el) return;
    event.preventDefault();
    if (typing(el)) el.focus(); else el.click();
  });
  const words = (el) => {
    const copy = (el.labels?.[0] || el).cloneNode(true);   // a box has no text, its label has
    all("kbd", copy).forEach((kbd) => kbd.remove());  // the key stands before the words already
    return (el.getAttribute("aria-label") || copy.textContent || el.placeholder || "").replace(/\s+/g, " ").trim();
  };
  const listKeys = (list) => list.replaceChildren(...all("[aria-keyshortcuts]").filter(seen).flatMap((el) => {
    const keys = document.createElement("dt"), what = document.createElement("dd");
    keys.append(...keysOf(el).map((name) => {
      const kbd = document.createElement("kbd");
      kbd.textContent = name.replace("Control+", "Ctrl ").replace("Enter", "↵").replace("ArrowLeft", "←").replace("ArrowRight", "→");
      return kbd;
    }));
    what.textContent = words(el);
    return [keys, what];
  }));
  on("click", (event) => {
    const opener = event.target.closest("[data-open]");
    const dialog = opener && document.getElementById(opener.dataset.open);
    if (!dialog?.showModal || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    all("[data-keys]", dialog).forEach(listKeys);
    dialog.showModal();
  });

  // --- seconds that run on between two answers of the server: up in [data-elapsed], down in [data-remaining] ---
  const span = (seconds) => {   // as the server says them
    const whole = Math.round(seconds), minutes = Math.floor(whole / 60), hours = Math.floor(minutes / 60);
    if (minutes < 1) return `${whole} s`;
    if (hours < 1) return whole % 60 && minutes < 10 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
    return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  };
  const shownAt = new WeakMap();
  setInterval(() => all("[data-elapsed], [data-remaining]").forEach((el) => {
    if (!shownAt.has(el)) shownAt.set(el, performance.now() - 1000);   // it came within the last second
    const since = (performance.now() - shownAt.get(el)) / 1000;
    el.textContent = span("elapsed" in el.dataset ? Number(el.dataset.elapsed) + since : Math.max(0, Number(el.dataset.remaining) - since));
  }), 1000);

  // --- small helps ---
  // On a narrow screen the open tab may stand outside its row.
  all(".tabs").forEach((row) => {
    const open = row.querySelector("[aria-current]");
    if (open && row.scrollWidth > row.clientWidth) row.scrollLeft = open.offsetLeft - row.offsetLeft - (row.clientWidth - open.offsetWidth) / 2;
  });
  const menus = "details.switch[open], details.dropdown[open]";
  on("focusin", (event) => { if (event.target.matches("[data-select]")) event.target.select(); });
  on("change", ({ target }) => {
    if (target.matches("[data-check-all]")) all(target.dataset.checkAll).forEach((box) => { box.checked = target.checked; });
    if (target.matches("[data-submit-on-change]")) target.form.requestSubmit();
  });
  on("click", (event) => {
    all(menus).forEach((el) => { if (!el.contains(event.target)) el.open = false; });
    const dialog = event.target.closest("dialog");
    if (event.target.closest("[data-close]")) dialog?.close();
    if (dialog && dialog === event.target) {   // the ground beside it
      const box = dialog.getBoundingClientRect();
      if (event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom) dialog.close();
    }
  });
  on("keydown", (event) => {
    if (event.key === "Escape") all(menus).forEach((el) => { el.open = false; el.querySelector("summary").focus(); });
  });

  // --- files: a zone to drop on, and progress while one is sent ---
  const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`);
  const time = (seconds) => (seconds < 60 ? `${Math.ceil(seconds)} s` : `${Math.floor(seconds / 60)} min ${Math.ceil(seconds % 60)} s`);
  const named = (zone) => {
    const file = zone.querySelector("input[type=file]").files[0], line = zone.querySelector("[data-file-name]");
    if (line) line.textContent = file ? `${file.name}, ${size(file.size)}` : line.dataset.empty || "";
    const name = zone.closest("form").querySelector("[data-name-from-file]");
    if (file && name && !name.value) name.value = file.name.replace(/(\.(jsonl?|csv|tsv|parquet|ndjson|gz|zst))+$/i, "");
  };
  const zone = (event) => event.target.closest?.("[data-dropzone]");
  on("dragover", (event) => { if (zone(event)) { event.preventDefault(); zone(event).classList.add("over"); } });
  on("dragleave", (event) => { if (zone(event) && !zone(event).contains(event.relatedTarget)) zone(event).classList.remove("over"); });
  on("drop", (event) => {
    if (!zone(event)) return;
    event.preventDefault();
    zone(event).classList.remove("over");
    const input = zone(event).querySelector("input[type=file]");
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
  on("change", (event) => { if (event.target.type === "file" && zone(event)) named(zone(event)); });

  on("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-upload]") || !all("input[type=file]", form).some((input) => input.files.length)) return;
    event.preventDefault();
    const bar = form.querySelector("[data-upload-progress]"), text = form.querySelector("[data-upload-text]");
    const request = new XMLHttpRequest(), began = performance.now();
    const busy = (yes) => { if (bar) bar.hidden = !yes; all("button", form).forEach((button) => { button.disabled = yes; }); };
    const failed = (why) => { busy(false); if (text) text.textContent = why; say(why); };
    const body = new FormData(form, event.submitter);
    request.open("POST", form.action || location.href);
    request.upload.addEventListener("progress", (sent) => {
      if (!sent.lengthComputable) return;
      const rate = sent.loaded / Math.max((performance.now() - began) / 1000, 0.1);
      if (bar) bar.value = (100 * sent.loaded) / sent.total;
      if (text) text.textContent = sent.loaded < sent.total
        ? `${size(sent.loaded)} of ${size(sent.total)} · ${size(rate)}/s · ${time((sent.total - sent.loaded) / rate)} left`
        : `${size(sent.total)} sent. Reading the file …`;
    });
    request.addEventListener("load", () => {
      if (request.status < 400) { location.assign(request.responseURL); return; }
      const page = new DOMParser().parseFromString(request.responseText, "text/html").getElementById("main");
      if (!page) { failed(`The server answered ${request.status}. Nothing was saved; send the file again.`); return; }
      document.getElementById("main").replaceWith(page);   // the form again, with what is wrong
      htmx.process(page);
      ready(page);
    });
    request.addEventListener("error", () => failed("The connection broke while the file was sent. Nothing was saved; send it again."));
    busy(true);
    request.send(body);
  });

  // --- after a swap: the focus goes to what is marked, wide tables and code can be reached by key ---
  const ready = (from) => {
    all("[data-dropzone]", from).forEach(named);
    all(".table-scroll, .codeblock", from).forEach((el) => { if (el.scrollWidth > el.clientWidth) el.tabIndex = 0; });
    (from.querySelector("[data-focus]") || from.querySelector("[data-focus-first] :is(textarea, select, input:not([type=hidden]))"))?.focus();
    const line = from.querySelector("[data-say]");
    if (line) say(line.dataset.say);
  };

  // --- htmx: its events are touched in these lines only ---
  const polls = (el) => /\bevery\b/.test(el?.getAttribute?.("hx-trigger") || "");
  let last = 0;
  on("htmx:beforeRequest", (event) => {   // polls slow down while nobody looks
    if (!polls(event.detail.elt)) return;
    if (document.hidden && performance.now() - last < 30000) event.preventDefault(); else last = performance.now();
  });
  let leaving = null;   // a form on its way: no preview of it goes out any more, nor is one waited for
  on("submit", ({ target, defaultPrevented }) => {
    if (defaultPrevented) return;
    leaving = target;
    all("[hx-sync]", target).forEach((el) => htmx.trigger(el, "htmx:abort"));
  });
  const stays = () => { leaving = null; };
  ["input", "change"].forEach((name) => on(name, stays, true));
  addEventListener("pageshow", stays);   // back from where it went
  on("htmx:beforeRequest", (event) => { if (leaving && event.detail.elt.closest("form") === leaving) event.preventDefault(); });
  let held = null;
  on("htmx:beforeSwap", ({ detail }) => {   // a poll must not take the focus, nor shut what the person opened
    const active = document.activeElement;
    held = null;
    if (!polls(detail.requestConfig?.elt) || !detail.target?.contains(active)) return;
    held = active.id ? `#${CSS.escape(active.id)}` : active.name ? `[name="${CSS.escape(active.name)}"][value="${CSS.escape(active.value)}"]` : null;
  });
  on("htmx:afterSettle", () => { if (held) document.querySelector(held)?.focus(); held = null; });
  on("htmx:load", ({ detail }) => { if (detail.elt !== document.body) ready(detail.elt); });
  on("htmx:responseError", ({ detail }) => say(`The server answered ${detail.xhr.status}. Load the page again.`));
  on("htmx:sendError", () => say("The server cannot be reached. The page goes on by itself when it is back."));
  let shut;
  on("toast", ({ detail }) => {   // HX-Trigger: {"toast": {"text": "12 rows taken out", "undo": "/url/"}}
    const toast = document.getElementById("toast"), undo = toast?.querySelector("[data-toast-undo]");
    if (!toast) return;
    toast.querySelector("[data-toast-text]").textContent = detail.text || detail.value || "";
    undo.hidden = !detail.undo;
    if (detail.undo) undo.action = detail.undo;
    toast.hidden = false;
    clearTimeout(shut);
    const leave = () => { if (toast.matches(":hover, :focus-within")) shut = setTimeout(leave, 2000); else toast.hidden = true; };
    shut = setTimeout(leave, 8000);
  });

  showTheme();
  ready(document);
})();
