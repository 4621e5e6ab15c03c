// The page: what is typed is read by the service, and what it found is shown as the controls say.

import { asBio, asJson, hueOf, render, renderLayers } from "/highlight.js";
import { maskText, stopMasking } from "/mask.js";
import { listenToOwnWords, offerLabels, ownWords } from "/own-words.js";
import { EXAMPLE, WORDS } from "/words.js";

const PAUSE = 250; // milliseconds without a key before the text is sent
const $ = (id) => document.getElementById(id);
const state = {
  text: "", entities: [], spans: undefined, view: { text: "", entities: [] }, labels: [], off: new Set(), ms: 0, limit: 1_000_000, pipeline: null, key: "", floor: 0, least: 0,
};
let words = WORDS.zh;
let timer = 0;
let asking = null; // aborts the request whose answer nobody wants any more

function stored(name, value) {
  try {
    if (value !== undefined) localStorage.setItem(name, value);
    return localStorage.getItem(name);
  } catch {
    return null; // a browser may keep nothing
  }
}

function say(message) {
  $("status").textContent = message;
}

function complain(message) {
  $("problem").textContent = message;
  $("problem").hidden = !message;
}

function shown(entities = state.entities) {
  const least = Number($("threshold").value);
  return entities.filter((e) => !state.off.has(e.label) && (e.score === null || e.score >= least));
}

function show() {
  stopMasking();
  showLabels();
  if ($("mask").checked && state.text) {
    mask();
  } else {
    draw({ text: state.text, entities: shown(), spans: state.spans && shown(state.spans) });
  }
}

async function mask() {
  const labels = state.labels.filter((label) => !state.off.has(label));
  const options = {
    text: wellFormed(state.text), pipeline: state.pipeline, gazetteer: ownWords(), labels,
    min_score: Number($("threshold").value),
  };
  try {
    const found = await maskText(options, headers());
    if (found?.view) draw(found.view);
    else if (found) refused(found.response, found.answer);
  } catch {
    complain(words.unreachable());
  }
}

// What is shown is what is copied: with masked text, no original is in the clipboard.
function draw(view) {
  hideTip();
  state.view = view;
  const { text, entities, spans } = view;
  render($("result"), text, entities, state.labels);
  $("overlaps").hidden = !spans; // a masked text has none, so that no original is shown
  renderLayers($("layers"), spans ? text : "", spans ?? [], state.labels);
  if (text) {
    const n = entities.length + (spans?.length ?? 0);
    const total = state.entities.length + (spans ? state.spans.length : 0);
    say(words.counts(n, total, [...state.text].length, state.ms));
  } else {
    say("");
  }
}

// The pipeline leaves out what is below its own threshold: the slider begins there, and the page says so.
function showFloor() {
  const least = $("threshold");
  least.min = state.floor;
  least.value = Math.max(state.least, state.floor);
  $("threshold-value").textContent = Number(least.value).toFixed(2);
  $("floor").hidden = !state.floor;
  $("floor").textContent = state.floor ? words.floor(state.floor) : "";
}

function showLabels() {
  const counts = new Map();
  for (const { label } of [...shown(), ...shown(state.spans ?? [])]) counts.set(label, (counts.get(label) ?? 0) + 1);
  const boxes = [...$("labels").children];
  if (boxes.map((box) => box.dataset.label).join("\n") !== state.labels.join("\n")) {
    $("labels").replaceChildren(...state.labels.map(labelBox));
  }
  for (const box of $("labels").children) {
    box.querySelector("input").checked = !state.off.has(box.dataset.label);
    box.querySelector("output").textContent = counts.get(box.dataset.label) ?? 0;
  }
}

function labelBox(name) {
  const label = document.createElement("label");
  const box = document.createElement("input");
  const count = document.createElement("output");
  box.type = "checkbox";
  box.addEventListener("change", () => {
    state.off[box.checked ? "delete" : "add"](name);
    show();
  });
  label.dataset.label = name;
  label.style.setProperty("--h", hueOf(name, state.labels));
  label.append(box, name, count);
  return label;
}

function headers() {
  const found = { "Content-Type": "application/json" };
  // A header takes Latin letters only; a key with others is sent as the bytes it has in UTF-8.
  const key = String.fromCharCode(...new TextEncoder().encode(state.key));
  return state.key ? { ...found, Authorization: `Bearer ${key}` } : found;
}

// Half of a UTF-16 pair is no character, and not valid JSON for the service.
function wellFormed(text) {
  return text.toWellFormed?.() ?? text;
}

async function read() {
  clearTimeout(timer);
  asking?.abort();
  const text = $("text").value;
  complain("");
  if (!text) {
    Object.assign(state, { text, entities: [], spans: undefined });
    $("result").setAttribute("aria-busy", "false");
    show();
    return;
  }
  const length = [...text].length;
  if (length > state.limit) {
    complain(words.tooLong(length, state.limit));
    return;
  }
  const mine = new AbortController();
  asking = mine;
  $("result").setAttribute("aria-busy", "true");
  say(words.reading());
  const start = performance.now();
  try {
    const sent = wellFormed(text);
    const body = JSON.stringify({ text: sent, offset_unit: "utf16", pipeline: state.pipeline, gazetteer: ownWords() });
    const response = await fetch("/v1/entities", { method: "POST", headers: headers(), body, signal: mine.signal });
    const answer = await response.json();
    if (asking !== mine) return;
    if (response.ok) {
      const { entities, spans } = answer.results[0];
      Object.assign(state, { text, entities, spans, ms: Math.round(performance.now() - start) });
      state.labels = [...new Set([...state.labels, ...[...entities, ...(spans ?? [])].map((e) => e.label)])].sort();
      show();
      if ($("own").hidden) await describe(); // a pipeline that was loaded for this text tells its labels now
    } else {
      refused(response, answer);
    }
  } catch (error) {
    if (error.name !== "AbortError") complain(words.unreachable());
  } finally {
    if (asking === mine) $("result").setAttribute("aria-busy", "false");
  }
}

function refused(response, answer) {
  say("");
  const seconds = Number(response.headers.get("Retry-After"));
  if (response.status === 401) {
    $("key-form").hidden = false;
    complain(words.locked());
  } else if (response.status === 429 || response.status === 503) {
    complain(words.busy(seconds || 1));
    timer = setTimeout(read, (seconds || 1) * 1000);
  } else {
    complain(answer.error.message);
  }
}

async function describe() {
  const response = await fetch("/v1/service", { headers: headers() });
  if (response.status === 401) {
    $("key-form").hidden = false;
    return;
  }
  const service = await response.json();
  state.limit = service.max_chars;
  state.pipeline ??= service.pipelines[0].name;
  const { labels, span_labels: ofSpans, min_score: floor } = service.pipelines.find((p) => p.name === state.pipeline);
  state.labels = [...new Set([...(labels ?? []), ...(ofSpans ?? [])])].sort();
  state.floor = floor ?? 0;
  $("pipeline-choice").hidden = service.pipelines.length < 2;
  $("pipeline").replaceChildren(...service.pipelines.map((p) => new Option(p.name, p.name)));
  $("pipeline").value = state.pipeline;
  offerLabels(labels ?? []);
  showFloor();
  showLabels();
}

async function open(file) {
  const bytes = await file.arrayBuffer();
  for (const encoding of ["utf-8", "big5"]) {
    try {
      $("text").value = new TextDecoder(encoding, { fatal: true }).decode(bytes);
    } catch {
      continue;
    }
    await read();
    if ($("problem").hidden) say(`${words.opened(file.name, encoding)} ${$("status").textContent}`);
    return;
  }
  complain(words.notText(file.name));
}

async function copy(what, content) {
  try {
    await navigator.clipboard.writeText(content);
  } catch {
    // Without HTTPS there is no clipboard, except through a selection.
    const area = document.createElement("textarea");
    area.value = content;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) {
      complain(words.notCopied());
      return;
    }
  }
  say(words.copied(what, state.view.entities.length));
}

function showTip(mark) {
  const entity = state.view.entities[mark.dataset.index];
  if (!entity) return;
  const score = entity.score === null ? words.noScore : entity.score.toFixed(3);
  const form = entity.normalized === undefined ? "" : ` · ${entity.normalized}`;
  $("tip").textContent = `${entity.label} · ${score}${form}`;
  $("tip").hidden = false;
  mark.setAttribute("aria-describedby", "tip");
  const box = mark.getClientRects()[0];
  $("tip").style.left = `${box.left + scrollX}px`;
  $("tip").style.top = `${box.bottom + scrollY + 4}px`;
}

function hideTip() {
  $("tip").hidden = true;
}

function move(event) {
  const marks = [...$("result").querySelectorAll("mark")];
  const step = { ArrowLeft: -1, ArrowRight: 1, Home: -marks.length, End: marks.length }[event.key];
  if (event.key === "Escape") hideTip();
  if (step === undefined || !marks.length) return;
  event.preventDefault();
  const at = marks.indexOf(document.activeElement);
  const next = marks[Math.min(marks.length - 1, Math.max(0, at + step))];
  for (const mark of marks) mark.tabIndex = mark === next ? 0 : -1;
  next.focus();
}

function speak(language) {
  words = WORDS[language] ?? WORDS.zh;
  document.documentElement.lang = words.tag;
  document.title = words.title;
  $("language").value = WORDS[language] ? language : "zh";
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = words[element.dataset.word];
  showFloor();
  show();
}

function dress(theme) {
  document.documentElement.dataset.theme = theme;
  $("theme").value = theme;
}

function readSoon() {
  clearTimeout(timer);
  timer = setTimeout(read, PAUSE);
}

function listen() {
  $("text").addEventListener("input", readSoon);
  listenToOwnWords(readSoon);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) read();
  });
  $("threshold").addEventListener("input", () => {
    state.least = Number($("threshold").value);
    $("threshold-value").textContent = state.least.toFixed(2);
    show();
  });
  $("file").addEventListener("change", () => {
    if ($("file").files[0]) open($("file").files[0]);
    $("file").value = ""; // so that the same file can be opened again
  });
  $("text").addEventListener("drop", (event) => {
    if (!event.dataTransfer.files[0]) return;
    event.preventDefault();
    open(event.dataTransfer.files[0]);
  });
  $("example").addEventListener("click", () => {
    $("text").value = EXAMPLE;
    read();
  });
  $("clear").addEventListener("click", () => {
    $("text").value = "";
    read();
    $("text").focus();
  });
  $("all").addEventListener("click", () => {
    state.off.clear();
    show();
  });
  $("none").addEventListener("click", () => {
    state.off = new Set(state.labels);
    show();
  });
  $("mask").addEventListener("change", show);
  $("copy-text").addEventListener("click", () => copy(words.theText(), state.view.text));
  $("copy-json").addEventListener("click", () => copy("JSON", asJson(state.view.text, state.view.entities, state.view.spans)));
  $("copy-bio").addEventListener("click", () => copy("BIO", asBio(state.view.text, state.view.entities)));
  $("pipeline").addEventListener("change", async () => {
    state.pipeline = $("pipeline").value;
    await describe();
    read();
  });
  $("key-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    state.key = $("key").value;
    $("key-form").hidden = true;
    await describe();
    read();
  });
  $("language").addEventListener("change", () => {
    stored("language", $("language").value);
    speak($("language").value);
  });
  $("theme").addEventListener("change", () => {
    stored("theme", $("theme").value);
    dress($("theme").value);
  });
  $("result").addEventListener("keydown", move);
  for (const [on, off] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
    $("result").addEventListener(on, (event) => {
      const mark = event.target.closest("mark");
      if (mark) showTip(mark);
    });
    $("result").addEventListener(off, hideTip);
  }
}

listen();
dress(stored("theme") ?? "auto");
speak(stored("language") ?? (navigator.language.startsWith("zh") ? "zh" : "en"));
describe().catch(() => complain(words.unreachable())).finally(() => {
  if (!$("text").value) $("text").value = EXAMPLE;
  read();
});
