// Helps for answer forms. Every field works without it: the inputs that are sent are the ones of the page.
(() => {
  "use strict";
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const say = (text) => { const line = document.getElementById("status"); if (line) line.textContent = text; };
  const changed = (el) => { el.dispatchEvent(new Event("input", { bubbles: true })); el.dispatchEvent(new Event("change", { bubbles: true })); };
  const on = (name, selector, act) => document.addEventListener(name, (event) => {
    const el = event.target.closest?.(selector);
    if (el) act(el, event);
  });

  // --- text areas grow with their text, where the browser does not do it by itself ---
  const grows = CSS.supports("field-sizing", "content");
  const grow = (el) => { if (!grows) { el.style.height = "auto"; el.style.height = `${el.scrollHeight + 2}px`; } };
  on("input", "textarea[data-grow]", grow);

  // --- marks in a text: [[text|LABEL]], read and written as the server does ---
  const SPECIAL = "[|\\";
  const before = (a, b) => a.start - b.start || b.end - a.end || (a.label < b.label ? -1 : a.label > b.label ? 1 : 0);
  const readMarks = (markup) => {   // {text, marks}; null where the markup cannot be read
    const out = [], stack = [], marks = [];
    let length = 0, at = 0;
    const add = (piece) => { out.push(piece); length += piece.length; };
    while (at < markup.length) {
      const sign = markup[at];
      if (sign === "\\" && SPECIAL.includes(markup[at + 1] || " ")) { add(markup[at + 1]); at += 2; }
      else if (markup.startsWith("[[", at)) { stack.push(length); at += 2; }
      else if (sign === "|" && stack.length) {
        const end = markup.indexOf("]]", at), label = markup.slice(at + 1, end), start = stack.pop();
        if (end < 0 || label.includes("\n") || label.includes("[[") || start === length) return null;
        marks.push({ start, end: length, label });
        at = end + 2;
      } else {
        let end = at + 1;
        while (end < markup.length && !SPECIAL.includes(markup[end])) end += 1;
        add(markup.slice(at, end));
        at = end;
      }
    }
    return stack.length ? null : { text: out.join(""), marks: marks.sort(before) };
  };
  const writeMarks = (text, marks) => {
    const opens = new Map(), closes = new Map(), out = [];
    const sorted = [...marks].sort(before);
    sorted.forEach((mark) => opens.set(mark.start, (opens.get(mark.start) || 0) + 1));
    [...sorted].reverse().forEach((mark) => closes.set(mark.end, [...(closes.get(mark.end) || []), mark.label]));
    let depth = 0;
    for (let at = 0; at <= text.length; at += 1) {
      for (const label of closes.get(at) || []) { out.push(`|${label}]]`); depth -= 1; }
      for (let n = opens.get(at) || 0; n; n -= 1) { out.push("[["); depth += 1; }
      if (at === text.length) break;
      const sign = text[at], after = text[at + 1] || "", edge = [opens.has(at + 1), closes.has(at + 1)];
      const escape = sign === "[" ? after === "[" || (edge[0] && !edge[1])
        : sign === "|" ? depth > 0
        : sign === "\\" ? edge[0] || edge[1] || (after && SPECIAL.includes(after)) : false;
      out.push(escape ? `\\${sign}` : sign);
    }
    return out.join("");
  };

  const box = (group) => group.querySelector("[data-span-box] textarea");
  const view = (group) => group.querySelector("[data-span-view]");
  const hueOf = (group, label) => all("[data-span-label]", group).find((one) => one.dataset.spanLabel === label)?.dataset.hue || "0";
  const draw = (group) => {
    const found = readMarks(box(group).value), place = view(group);
    group.dataset.unread = found ? "" : "1";
    if (!found) { place.textContent = "The marks in the box below cannot be read. Correct them there."; return; }
    const { text, marks } = found;
    const cuts = [...new Set([0, text.length, ...marks.flatMap((mark) => [mark.start, mark.end])])].sort((a, b) => a - b);
    const nodes = [];
    let active = [], next = 0;
    for (let n = 0; n + 1 < cuts.length; n += 1) {
      const [start, end] = [cuts[n], cuts[n + 1]];
      active = active.filter((mark) => mark.end > start);
      while (next < marks.length && marks[next].start <= start) active.push(marks[next++]);
      const piece = document.createElement("span");
      piece.textContent = text.slice(start, end);
      if (active.length) piece.className = `span-mark answer-hue-${hueOf(group, active.at(-1).label)}`;
      nodes.push(piece);
      [...active].reverse().filter((mark) => mark.end === end).forEach((mark) => {
        const chip = document.createElement("button");
        chip.type = "button";
        chip.className = `span-label answer-hue-${hueOf(group, mark.label)}`;
        chip.textContent = mark.label;
        chip.setAttribute("aria-label", `Take ${mark.label} away from ${text.slice(mark.start, mark.end).slice(0, 60)}`);
        chip.dataset.start = mark.start; chip.dataset.end = mark.end; chip.dataset.label = mark.label;
        nodes.push(chip);
      });
    }
    place.replaceChildren(...nodes);
  };
  const offsetIn = (place, node, offset) => {   // characters of the text in front of a boundary of the selection
    const range = document.createRange();
    range.setStart(place, 0);
    range.setEnd(node, offset);
    const copy = range.cloneContents();
    all("button", copy).forEach((chip) => chip.remove());
    return copy.textContent.length;
  };
  const boundary = (place, offset) => {
    let left = offset;
    for (const piece of place.children) {
      if (piece.tagName === "BUTTON") continue;
      const size = piece.textContent.length;
      if (left <= size) return [piece.firstChild || piece, left];
      left -= size;
    }
    return [place, place.childNodes.length];
  };
  const selected = (group) => {   // [start, end] of what is selected in the view
    const place = view(group), now = getSelection();
    if (!now.rangeCount || !place.contains(now.anchorNode) || !place.contains(now.focusNode)) return null;
    const [a, b] = [offsetIn(place, now.anchorNode, now.anchorOffset), offsetIn(place, now.focusNode, now.focusOffset)];
    return { start: Math.min(a, b), end: Math.max(a, b), anchor: a, focus: b };
  };
  const select = (group, anchor, focus) => {
    const place = view(group);
    getSelection().setBaseAndExtent(...boundary(place, anchor), ...boundary(place, focus));
  };
  const save = (group, text, marks, said) => {
    box(group).value = writeMarks(text, marks);
    changed(box(group));
    draw(group);
    say(said);
  };
  const mark = (group, label) => {
    const range = selected(group), found = readMarks(box(group).value);
    if (!range || !found) { say("Select some text first."); view(group).focus(); return; }
    let { start, end } = range;
    while (start < end && /\s/.test(found.text[start])) start += 1;
    while (end > start && /\s/.test(found.text[end - 1])) end -= 1;
    if (start === end) { say("Select some text first."); return; }
    const nested = "nested" in group.dataset;
    const stays = (one) => one.end <= start || one.start >= end
      || (nested && ((one.start <= start && end <= one.end) || (start <= one.start && one.end <= end)) && !(one.start === start && one.end === end && one.label === label));
    save(group, found.text, [...found.marks.filter(stays), { start, end, label }], `${label}: ${found.text.slice(start, end).slice(0, 80)}`);
    select(group, start, end);
  };
  const unmark = (group, wanted) => {
    const found = readMarks(box(group).value);
    if (found) save(group, found.text, found.marks.filter((one) => !wanted(one)), "The mark is taken away.");
  };
  document.addEventListener("mousedown", (event) => {   // a click on a label must not lose the selection
    if (event.target.closest?.("[data-span-label]")) event.preventDefault();
  });
  on("click", "[data-span-label]", (el) => mark(el.closest("[data-spans]"), el.dataset.spanLabel));
  on("click", "[data-span-view] button", (el) => {
    const { start, end, label } = el.dataset;
    unmark(el.closest("[data-spans]"), (one) => one.start === +start && one.end === +end && one.label === label);
  });
  on("input", "[data-span-box] textarea", (el) => draw(el.closest("[data-spans]")));
  on("keydown", "[data-span-view]", (place, event) => {   // words with the arrows, more of them with Shift
    if (event.target !== place || event.altKey || event.ctrlKey || event.metaKey) return;
    const group = place.closest("[data-spans]"), found = readMarks(box(group).value);
    if (!found) return;
    const now = selected(group);
    if (["Delete", "Backspace"].includes(event.key) && now) {
      event.preventDefault();
      unmark(group, (one) => one.start < Math.max(now.end, now.start + 1) && one.end > now.start);
      select(group, now.anchor, now.focus);
      return;
    }
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    event.preventDefault();
    const words = [...found.text.matchAll(/[\p{L}\p{N}\p{M}_]+|[^\s\p{L}\p{N}\p{M}_]/gu)].map((one) => [one.index, one.index + one[0].length]);
    if (!words.length) return;
    const forward = event.key === "ArrowRight";
    const from = now ? (event.shiftKey ? now.focus : forward ? now.end : now.start) : 0;
    const word = forward ? words.find((one) => one[1] > from) || words.at(-1) : words.findLast((one) => one[0] < from) || words[0];
    if (event.shiftKey && now) select(group, now.anchor, forward ? word[1] : word[0]);
    else select(group, word[0], word[1]);
    const focus = boundary(place, forward ? word[1] : word[0])[0];
    focus.parentElement?.scrollIntoView?.({ block: "nearest" });
    say(getSelection().toString());
  });

  // --- order of candidates ---
  const number = (list) => {
    all("[data-rank-row]", list).forEach((row, place) => { const input = row.querySelector("select"); input.value = String(place + 1); });
    changed(list.querySelector("select"));
  };
  const sortRows = (group) => {
    const list = group.querySelector(".ranking"), rank = (row) => Number(row.querySelector("select").value) || 999;
    if (list) list.append(...all("[data-rank-row]", list).sort((a, b) => rank(a) - rank(b)));
  };
  const moveRow = (button, up) => {
    const row = button.closest("[data-rank-row]"), other = up ? row.previousElementSibling : row.nextElementSibling;
    if (other) { if (up) other.before(row); else other.after(row); }
    number(row.parentElement);
    button.focus();
    say(`Place ${row.querySelector("select").value}`);
  };
  on("click", "[data-rank-up]", (el) => moveRow(el, true));
  on("click", "[data-rank-down]", (el) => moveRow(el, false));
  on("click", "[data-rank-keep]", (el) => number(el.closest("[data-ranking]").querySelector(".ranking")));

  // --- turns of a dialogue ---
  const turns = (list) => all("[data-turn]", list);
  const shownTurns = (list) => turns(list).filter((turn) => !turn.hidden);
  const places = (list) => turns(list).forEach((turn, at) => { turn.querySelector("[name$='.place']").value = String(at + 1); });
  const moveTurn = (button, up) => {
    const turn = button.closest("[data-turn]"), list = turn.parentElement, rows = shownTurns(list);
    const other = rows[rows.indexOf(turn) + (up ? -1 : 1)];
    if (other) { if (up) other.before(turn); else other.after(turn); }
    places(list);
    changed(turn.querySelector("textarea"));
    button.focus();
  };
  on("click", "[data-turn-up]", (el) => moveTurn(el, true));
  on("click", "[data-turn-down]", (el) => moveTurn(el, false));
  on("click", "[data-turn-drop]", (el) => {
    const turn = el.closest("[data-turn]"), rows = shownTurns(turn.parentElement), next = rows[rows.indexOf(turn) + 1] || rows[rows.indexOf(turn) - 1];
    turn.querySelector("[name$='.drop']").checked = true;
    turn.hidden = true;
    changed(turn.querySelector("textarea"));
    next?.querySelector("textarea").focus();
    say("The turn is removed.");
  });
  const renumber = (el, from, to) => all("[name], [id], [for]", el).concat(el).forEach((one) => ["name", "id", "for"].forEach((key) => {
    const text = one.getAttribute(key);
    if (text && text.includes(from)) one.setAttribute(key, text.replace(from, () => to));
  }));
  const emptied = (el) => {
    all("input, textarea", el).forEach((one) => { if (/^(checkbox|radio)$/.test(one.type)) one.checked = false; else if (one.type !== "hidden") { one.value = ""; one.defaultValue = ""; } });
    all("select", el).forEach((one) => { one.selectedIndex = 0; });
  };
  on("click", "[data-turn-add]", (el) => {
    const list = el.closest("[data-dialogue]").querySelector(".turns");
    let turn = turns(list).find((one) => one.hidden && "spare" in one.dataset && !one.querySelector("[name$='.drop']").checked);
    const last = shownTurns(list).at(-1)?.querySelector("select").value;
    if (turn) list.append(turn);
    else {
      const model = turns(list).at(-1), numbers = turns(list).map((one) => Number(one.querySelector("textarea").name.match(/\.(\d+)\.text$/)[1]));
      turn = model.cloneNode(true);
      all("[name$='.from'], [name$='.keep'], .part", turn).forEach((one) => one.remove());
      const old = model.querySelector("textarea").name.match(/\.(\d+)\.text$/)[1];
      renumber(turn, `.${old}.`, `.${Math.max(...numbers) + 1}.`);
      emptied(turn);
      list.append(turn);
    }
    turn.hidden = false;
    turn.querySelector("select").value = last === "user" ? "assistant" : "user";
    places(list);
    turn.querySelector("textarea").focus();
  });

  // --- lists in JSON ---
  on("click", "[data-list-add]", (el) => {
    const list = el.closest("[data-list]"), rows = [...list.children].filter((one) => "listRow" in one.dataset), model = rows.at(-1);
    const old = Number(model.dataset.listRow), row = model.cloneNode(true);
    row.dataset.listRow = String(old + 1);
    all("[data-list]", row).forEach((one) => { one.dataset.list = one.dataset.list.replace(`${list.dataset.list}/${old}`, () => `${list.dataset.list}/${old + 1}`); });
    renumber(row, `${list.dataset.list}/${old}`, `${list.dataset.list}/${old + 1}`);
    emptied(row);
    model.after(row);
    row.querySelector("input:not([type=hidden]), textarea, select")?.focus();
  });

  // --- what is on the page, and what is swapped in later ---
  const ready = (from) => {
    all("textarea[data-grow]", from).forEach(grow);
    all("[data-spans]", from).filter(view).forEach((group) => {
      draw(group);
      group.querySelector("[data-span-box]").open = group.dataset.unread === "1";
    });
    all("[data-ranking]", from).forEach(sortRows);
    all("[data-turn][data-spare]", from).reverse().forEach((turn) => {
      turn.hidden = !turn.querySelector("textarea").value && shownTurns(turn.parentElement).length > 1;
    });
  };
  document.addEventListener("htmx:load", ({ detail }) => { if (detail.elt !== document.body) ready(detail.elt); });
  ready(document);
})();
