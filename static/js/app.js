// All behaviour of pages in one place. Every page works without it.
(() => {
  "use strict";
  const root = document.documentElement;
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const say = (text) => { const line = document.getElementById("status"); if (line) line.textContent = text; };

  // --- theme: system → light → dark ---
  const order = ["auto", "light", "dark"];
  const names = { auto: "Theme: system", light: "Theme: light", dark: "Theme: dark" };
  const theme = () => root.dataset.theme || "auto";
  const showTheme = () => $$("[data-theme-name]").forEach((el) => { el.textContent = names[theme()]; });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const next = order[(order.indexOf(theme()) + 1) % order.length];
    if (next === "auto") delete root.dataset.theme; else root.dataset.theme = next;
    try { localStorage.setItem("theme", next); } catch { /* not remembered, still applied */ }
    showTheme();
  });

  // --- keys: a key clicks (or focuses) the element that names it in aria-keyshortcuts ---
  const typing = (el) => el && (el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName));
  const keyOf = (event) => [
    event.ctrlKey || event.metaKey ? "Control" : "", event.altKey ? "Alt" : "",
    event.key === "Enter" ? "Enter" : event.key.length === 1 ? event.key.toLowerCase() : event.key,
  ].filter(Boolean).join("+");
  const shown = (el) => el.getClientRects().length > 0;
  const bound = (key) => $$("[aria-keyshortcuts]").find((el) =>
    shown(el) && el.getAttribute("aria-keyshortcuts").split(",").some((one) => one.trim().toLowerCase() === key.toLowerCase()));
  let first = "";
  document.addEventListener("keydown", (event) => {
    if (root.dataset.shortcuts === "off" || event.defaultPrevented || event.isComposing) return;
    const key = keyOf(event);
    if (typing(event.target) && !key.includes("Control") && key !== "Escape") return;
    const el = (first && bound(`${first} ${key}`)) || bound(key);
    first = !first && /^[a-z]$/.test(key) && !event.ctrlKey && !event.metaKey ? key : "";
    if (first) setTimeout(() => { first = ""; }, 900);
    if (!el) return;
    first = "";
    event.preventDefault();
    if (typing(el)) el.focus(); else el.click();
  });
  const words = (el) => (el.getAttribute("aria-label") || el.textContent || "").replace(/\s+/g, " ").trim();
  const listKeys = () => {
    const list = document.querySelector("[data-keys]");
    if (!list) return;
    list.replaceChildren(...$$("[aria-keyshortcuts]").filter(shown).flatMap((el) => {
      const dt = document.createElement("dt"), dd = document.createElement("dd");
      el.getAttribute("aria-keyshortcuts").split(",").forEach((one) => {
        const kbd = document.createElement("kbd");
        kbd.textContent = one.trim().replace("Control+", "Ctrl ").replace("Enter", "↵");
        dt.append(kbd);
      });
      dd.textContent = words(el);
      return [dt, dd];
    }));
  };
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]");
    const dialog = opener && document.getElementById(opener.dataset.open);
    if (!dialog || !dialog.showModal) return;
    event.preventDefault();
    if (dialog.id === "keys") listKeys();
    dialog.showModal();
  });

  // --- small helps ---
  document.addEventListener("focusin", (event) => { if (event.target.matches("[data-select]")) event.target.select(); });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-check-all]")) {
      $$(event.target.dataset.checkAll).forEach((box) => { box.checked = event.target.checked; });
    }
    if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
  });
  document.addEventListener("toggle", (event) => {   // one open menu at a time
    if (event.target.open && event.target.matches("details.switch, details.dropdown")) {
      $$("details.switch[open], details.dropdown[open]").forEach((el) => { if (el !== event.target) el.open = false; });
    }
  }, true);
  document.addEventListener("click", (event) => {
    $$("details.switch[open], details.dropdown[open]").forEach((el) => { if (!el.contains(event.target)) el.open = false; });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    $$("details.switch[open], details.dropdown[open]").forEach((el) => { el.open = false; el.querySelector("summary").focus(); });
  });

  // --- files: a zone to drop on, and progress while one is sent ---
  const sizes = (bytes) => bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
  const named = (zone) => {
    const input = zone.querySelector("input[type=file]"), line = zone.querySelector("[data-file-name]");
    const file = input.files[0];
    if (!line) return;
    line.textContent = file ? `${file.name}, ${sizes(file.size)}` : line.dataset.empty || "";
    const name = zone.closest("form").querySelector("[data-name-from-file]");
    if (file && name && !name.value) name.value = file.name.replace(/(\.(jsonl?|csv|tsv|parquet|ndjson|gz|zst))+$/i, "");
  };
  const zones = (from) => $$("[data-dropzone]", from).forEach((zone) => {
    if (zone.dataset.ready) return;
    zone.dataset.ready = "1";
    const input = zone.querySelector("input[type=file]");
    const stop = (event) => { event.preventDefault(); event.stopPropagation(); };
    ["dragenter", "dragover"].forEach((name) => zone.addEventListener(name, (event) => { stop(event); zone.classList.add("over"); }));
    ["dragleave", "drop"].forEach((name) => zone.addEventListener(name, (event) => { stop(event); zone.classList.remove("over"); }));
    zone.addEventListener("drop", (event) => { if (event.dataTransfer.files.length) { input.files = event.dataTransfer.files; named(zone); } });
    input.addEventListener("change", () => named(zone));
    named(zone);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-upload]") || !form.querySelector("input[type=file]")?.files.length) return;
    event.preventDefault();
    const bar = form.querySelector("[data-upload-progress]"), text = form.querySelector("[data-upload-text]");
    const buttons = $$("button", form);
    const request = new XMLHttpRequest();
    const began = performance.now();
    request.open("POST", form.action || location.href);
    request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
    if (bar) { bar.hidden = false; bar.value = 0; }
    buttons.forEach((button) => { button.disabled = true; });
    request.upload.addEventListener("progress", (e) => {
      if (!e.lengthComputable) return;
      const rate = e.loaded / Math.max((performance.now() - began) / 1000, 0.1);
      if (bar) bar.value = (100 * e.loaded) / e.total;
      if (text) text.textContent = `${sizes(e.loaded)} of ${sizes(e.total)} · ${sizes(rate)}/s · ${Math.ceil((e.total - e.loaded) / rate)} s left`;
    });
    const failed = (why) => {
      buttons.forEach((button) => { button.disabled = false; });
      if (bar) bar.hidden = true;
      if (text) text.textContent = why;
      say(why);
    };
    request.addEventListener("load", () => {
      const there = request.getResponseHeader("X-Location");
      if (there) { location.assign(there); return; }
      if (request.responseURL && request.status < 400 && request.responseURL !== location.href) { location.assign(request.responseURL); return; }
      const page = new DOMParser().parseFromString(request.responseText, "text/html").getElementById("main");
      if (!page) { failed(`The server answered ${request.status}. Nothing was saved; try again.`); return; }
      document.getElementById("main").replaceWith(page);
      ready(page);
    });
    request.addEventListener("error", () => failed("The connection broke while the file was sent. Nothing was saved; send it again."));
    request.send(new FormData(form, event.submitter || undefined));
  });

  // --- after a swap: focus what is marked, name what is new ---
  const ready = (from) => {
    zones(from);
    const focus = from.querySelector?.("[data-focus]");
    if (focus) focus.focus({ preventScroll: false });
    const line = from.querySelector?.("[data-say]");
    if (line) say(line.dataset.say);
  };
  // Polls rest while nobody looks. htmx's own events are touched in these lines only.
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && /every/.test(event.detail.elt.getAttribute("hx-trigger") || "")) event.preventDefault();
  });
  // A poll must not take away what the person is using inside the part.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const part = event.detail.target, active = document.activeElement;
    if (/every/.test(part?.getAttribute?.("hx-trigger") || "") && active && active !== document.body && part.contains(active)) {
      const again = active.id || active.name ? () => {
        const next = document.getElementById(part.id);
        (active.id ? document.getElementById(active.id) : next?.querySelector(`[name="${active.name}"][value="${active.value}"]`))?.focus();
      } : null;
      if (again) setTimeout(again, 0);
    }
  });
  document.addEventListener("htmx:load", (event) => { if (event.detail.elt !== document.body) ready(event.detail.elt); });
  document.addEventListener("htmx:responseError", (event) => say(`The server answered ${event.detail.xhr.status}. Load the page again.`));
  document.addEventListener("htmx:sendError", () => say("The server cannot be reached. Check the connection; the page will go on by itself."));
  document.addEventListener("toast", (event) => {
    const toast = document.getElementById("toast");
    toast.textContent = event.detail.value || event.detail.text || "";
    toast.hidden = false;
    setTimeout(() => { toast.hidden = true; }, 8000);
  });

  showTheme();
  ready(document);
})();
