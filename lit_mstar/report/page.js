"use strict";
// The browser of problems. Whatever a data set or a model says is set as text, never as markup.
(async () => {
  const at = (id) => document.getElementById(id);
  const PAGE = 30;

  function make(tag, options = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(options)) {
      if (value === null || value === undefined || value === false) continue;
      if (name === "text") element.textContent = value;
      else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child));
    return element;
  }

  async function unpack(text) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  const watch = () => setInterval(async () => {
    const said = await fetch("state", { cache: "no-store" }).then((answer) => answer.text()).catch(() => null);
    if (said && watch.last && said !== watch.last) at("news").hidden = false;
    watch.last = said || watch.last;
  }, 3000);
  if (document.body.hasAttribute("data-watched")) { at("reload").onclick = () => location.reload(); watch(); }
  if (!at("list")) return;

  const data = await unpack(at("data").textContent);
  // What is shown stands in the address, so that it can be sent to others and outlives a reload.
  const state = new URLSearchParams(location.hash.slice(1));
  const flags = new Set((state.get("show") || "").split(",").filter(Boolean));
  let set = data.sets.find((one) => one.name === state.get("set")) || data.sets[0];
  let found = [];
  let shown = 0;

  const kindOf = (response) => response.c === null ? "unknown" : response.c ? "right" : (response.m || []).includes("cut") ? "cut" : "wrong";
  const words = { right: "right", wrong: "wrong", cut: "cut", unknown: "unknown" };

  function haystack(problem) {
    if (!problem.hay) {
      const texts = problem.g.flatMap((group) => group.r.flatMap((response) => [response.a || "", ...response.s.map((part) => part[0])]));
      problem.hay = [problem.id, problem.q, problem.ref || "", ...(problem.choices || []), ...texts].join("\n").toLowerCase();
    }
    return problem.hay;
  }

  const matches = (problem, keys, text) => keys.every((key) => problem.flags.includes(key)) && (!text || haystack(problem).includes(text));

  function dots(problem) {
    const rows = problem.g.map((group) => {
      const right = group.r.filter((response) => response.c).length;
      const kept = group.r.filter((response) => response.k).length;
      const label = `${group.l}: ${right} of ${group.r.length} right${kept ? `, ${kept} kept` : ""}`;
      const marks = group.r.map((response) => make("span", { class: `dot ${kindOf(response)}${response.k ? " kept" : ""}` }));
      return make("span", { class: "row", role: "img", "aria-label": label, title: label }, make("span", { class: "what", text: group.l.replace("iteration ", "") }), ...marks);
    });
    return make("span", { class: "dots" }, ...rows);
  }

  function picture(number, problem, large) {
    const image = make("img", { src: data.images[number], alt: `image of ${problem.id}`, class: large ? "big" : "thumb", loading: "lazy" });
    image.addEventListener("load", () => { if (image.naturalWidth <= 64) image.classList.add("pixels"); });
    return image;
  }

  function step([text, score, truth]) {
    if (score === null && truth === null) return make("div", { class: "what", text });
    const colour = score === null ? "var(--line)" : `color-mix(in oklab, var(--good) ${Math.round(100 * score)}%, var(--bad))`;
    return make("div", { class: "step", style: `border-color:${colour}` }, make("span", { text }),
      make("span", {}, truth === 0 || truth === false ? make("span", { class: "untrue", text: "untrue " }) : null, score === null ? null : make("b", { text: score.toFixed(2) })));
  }

  function why(response, group) {
    const right = group.r.filter((one) => one.c).length;
    if (response.k && response.v !== undefined) return `kept: ${response.o ? `no. ${response.o} of ${right} right` : "selected"}`;
    return response.k ? "kept" : "";
  }

  function responseCard(response, group) {
    const kind = kindOf(response);
    const marks = (response.m || []).map((key) => make("span", { class: "badge", text: (data.flags.find((flag) => flag.key === key) || { label: key }).label }));
    return make("div", { class: "response" },
      make("div", { class: "top" },
        make("span", { class: kind === "right" ? "right-word" : kind === "unknown" ? "what" : "wrong-word", text: response.c === null ? "unknown" : response.c ? "right" : "wrong" }),
        response.v !== undefined ? make("span", { class: "what", text: `score ${response.v.toFixed(2)}` }) : null,
        why(response, group) ? make("span", { class: "badge kept", text: why(response, group) }) : null, ...marks),
      ...response.s.map(step),
      make("div", { class: "what", text: `${response.a === null ? "no answer was found" : `read as ${response.a}`}${response.rule ? ` (rule: ${response.rule})` : ""}` }));
  }

  function inside(problem) {
    const groups = problem.g.flatMap((group) => [
      make("h3", {}, `${group.l} `, make("small", { text: group.n || "" })),
      make("div", { class: "responses" }, ...group.r.slice().sort((a, b) => (b.k || 0) - (a.k || 0) || (b.v || 0) - (a.v || 0)).map((response) => responseCard(response, group))),
    ]);
    const choices = (problem.choices || []).map((choice, i) => make("p", { class: "what", text: `${String.fromCharCode(65 + i)}. ${choice}` }));
    return make("div", { class: "inside" }, ...problem.im.map((number) => picture(number, problem, true)), make("p", { text: problem.q }), ...choices, ...groups);
  }

  function card(problem) {
    const reference = problem.ref === null ? "no reference" : `reference ${problem.ref}`;
    const details = make("details", { class: "problem card" },
      make("summary", {}, problem.im.length ? picture(problem.im[0], problem, false) : null,
        make("span", { class: "ask" }, make("b", { text: problem.q }), make("span", { class: "what", text: `${reference} · ${problem.id}` })), dots(problem)));
    details.addEventListener("toggle", () => { if (details.open && details.children.length === 1) details.append(inside(problem)); });
    return details;
  }

  function more() {
    at("list").append(...found.slice(shown, shown + PAGE).map(card));
    shown = Math.min(found.length, shown + PAGE);
    at("more").hidden = shown >= found.length;
  }

  function remember() {
    const values = { set: data.sets.length > 1 ? set.name : "", show: [...flags].join(","), q: at("search").value };
    const text = new URLSearchParams(Object.entries(values).filter(([, value]) => value)).toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }

  function refresh() {
    const text = at("search").value.trim().toLowerCase();
    const keys = [...flags];
    found = set.problems.filter((problem) => matches(problem, keys, text));
    shown = 0;
    at("list").replaceChildren();
    more();
    at("count").textContent = `${found.length.toLocaleString("en")} of ${set.problems.length.toLocaleString("en")} ${set.label}${set.note ? `; ${set.note}` : ""}`;
    at("save").disabled = !found.length;
    chips();
    remember();
  }

  function chips() {
    const counts = Object.fromEntries(data.flags.map((flag) => [flag.key, set.problems.filter((problem) => problem.flags.includes(flag.key)).length]));
    const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.key : null;
    const button = (key, label, title, pressed, count, act) => make("button", { type: "button", "data-key": key, title, "aria-pressed": String(pressed), onclick: act, disabled: !pressed && count === 0 ? "" : null }, label, count === null ? null : make("small", { text: count.toLocaleString("en") }));
    at("chips").replaceChildren(...data.flags.map((flag) => button(flag.key, flag.label, flag.meaning, flags.has(flag.key), counts[flag.key], () => { flags.delete(flag.key) || flags.add(flag.key); refresh(); })));
    at("sets").replaceChildren(...(data.sets.length > 1 ? data.sets : []).map((one) => button(`set-${one.name}`, one.label, null, one === set, one.problems.length, () => { set = one; refresh(); })));
    if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  function save() {
    const lines = found.map(({ hay, im, ...problem }) => JSON.stringify({
      id: problem.id, question: problem.q, answer: problem.ref, choices: problem.choices, flags: problem.flags,
      sampled: problem.g.map((group) => ({ of: group.l, temperature: group.t, responses: group.r.map((r) => ({
        text: r.s.map((part) => part[0]).join("\n"), answer: r.a, correct: r.c === null ? null : Boolean(r.c), score: r.v, step_scores: r.s.filter((part) => part[1] !== null).map((part) => part[1]), kept: Boolean(r.k), rule: r.rule })) })),
    }));
    const link = make("a", { href: URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "application/jsonl" })), download: `${set.name}-problems.jsonl` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  at("search").value = state.get("q") || "";
  let waiting;
  at("search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(refresh, 120); });
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("more").addEventListener("click", more);
  at("save").addEventListener("click", save);
  refresh();
  document.body.dataset.ready = "";
})();
