"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const by = (id) => document.getElementById(id);
const SCALES = [
  ["faithfulness", "Faithfulness", "1 not at all – 5 exactly as asked"],
  ["quality", "Quality", "1 bad – 5 excellent"],
];
let rater = "", state = null, order = [];

// The same rater meets the same order after a reload; another rater another one.
function generator(text) {
  let seed = 2166136261;
  for (const c of text) seed = Math.imul(seed ^ c.codePointAt(0), 16777619) >>> 0;
  return () => {
    seed = (seed + 0x6d2b79f5) >>> 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
function shuffled(list, random) {
  const found = list.slice();
  for (let i = found.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [found[i], found[j]] = [found[j], found[i]];
  }
  return found;
}
const keyName = () => `lcr-listening-${data.survey}-${rater}`;
function keep() {
  try { localStorage.setItem(keyName(), JSON.stringify(state)); }
  catch { by("progress").textContent = "This browser keeps nothing: do not close the page."; }
}
function recall() {
  try { return JSON.parse(localStorage.getItem(keyName())); } catch { return null; }
}
function begin(name) {
  rater = name;
  const random = generator(`${data.survey} ${rater}`);
  order = shuffled(data.items, random).map((item) => ({ ...item, stimuli: shuffled(item.stimuli, random) }));
  state = recall() || { started: new Date().toISOString(), at: 0, ratings: {} };
  by("welcome").hidden = true;
  show(state.at);
}
const sounds = () => order.flatMap((item) => item.stimuli);
const isRated = (s) => SCALES.every(([scale]) => state.ratings[s.id]?.[scale]);
const rated = () => sounds().filter(isRated).length;
const missing = () => order.findIndex((item) => !item.stimuli.every(isRated));
function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
function ratingOf(id) { return (state.ratings[id] ||= { plays: 0 }); }
function card(stimulus, number) {
  const letter = String.fromCharCode(65 + number);
  const audio = element("audio", { controls: true, preload: "auto", src: stimulus.audio });
  audio.dataset.key = letter.toLowerCase();
  audio.setAttribute("aria-label", `Sound ${letter}`);
  audio.addEventListener("play", () => { ratingOf(stimulus.id).plays += 1; keep(); });
  const box = element("div", { className: "card" }, element("h2", { textContent: `Sound ${letter}` }), audio);
  for (const [scale, title, ends] of SCALES) {
    const choices = element("div", { className: "scale" });
    for (let value = 1; value <= 5; value++) {
      const input = element("input", { type: "radio", name: `${scale}-${stimulus.id}`, value: String(value) });
      input.checked = state.ratings[stimulus.id]?.[scale] === value;
      input.addEventListener("change", () => { ratingOf(stimulus.id)[scale] = value; keep(); progress(); });
      choices.append(element("label", {}, input, element("span", { textContent: String(value) })));
    }
    box.append(element("fieldset", {}, element("legend", { textContent: title }), choices, element("span", { className: "ends", textContent: ends })));
  }
  return box;
}
function progress() {
  const where = state.at < order.length ? `Page ${state.at + 1} of ${order.length}` : "Last page";
  by("progress").textContent = `${where} · ${rated()} of ${sounds().length} sounds rated`;
  by("bar").max = sounds().length;
  by("bar").value = rated();
}
function show(at) {
  state.at = Math.max(0, Math.min(order.length, at));
  keep();
  progress();
  const last = state.at === order.length;
  by("item").hidden = by("nav").hidden = last;
  by("end").hidden = !last;
  by("item").replaceChildren();
  if (last) { finish(); return; }
  const item = order[state.at];
  const asked = element("div", { className: "card" }, element("h2", { textContent: item.check ? "Listen closely" : "What was asked" }), element("blockquote", { textContent: item.prompt }));
  if (item.mixture) {
    const audio = element("audio", { controls: true, preload: "auto", src: item.mixture });
    audio.dataset.key = "m";
    audio.setAttribute("aria-label", "The recording before the change");
    asked.append(element("div", { className: "ends", textContent: "The recording before the change (M)" }), audio);
  }
  by("item").append(asked, ...item.stimuli.map(card));
  by("back").disabled = state.at === 0;
  by("item").focus({ preventScroll: true });
  scrollTo(0, 0);
}
function finish() {
  const left = sounds().length - rated();
  by("submit").disabled = by("download").disabled = left > 0;
  by("submit").hidden = !location.protocol.startsWith("http");
  by("left").textContent = left ? `${left} sounds are not rated yet; Back leads to the first of them.` : "Every sound is rated. Thank you.";
}
function result() {
  const ratings = order.flatMap((item, page) => item.stimuli.map((s, place) => ({
    stimulus: s.id, page, place,
    faithfulness: state.ratings[s.id].faithfulness, quality: state.ratings[s.id].quality, plays: state.ratings[s.id].plays,
  })));
  return JSON.stringify({ schema: data.schema, survey: data.survey, rater, started: state.started, finished: new Date().toISOString(), ratings });
}
by("start").addEventListener("submit", (event) => { event.preventDefault(); begin(by("rater").value); });
by("back").addEventListener("click", () => show(state.at - 1));
by("next").addEventListener("click", () => show(state.at + 1));
by("return").addEventListener("click", () => show(missing() < 0 ? order.length - 1 : missing()));
by("download").addEventListener("click", () => {
  const url = URL.createObjectURL(new Blob([result()], { type: "application/json" }));
  element("a", { href: url, download: `${rater}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
  by("outcome").textContent = "The answers are in your downloads; please send that file.";
});
by("submit").addEventListener("click", async () => {
  by("submit").disabled = true;
  try {
    const answer = await fetch("results", { method: "POST", headers: { "Content-Type": "application/json" }, body: result() });
    const text = (await answer.text()).slice(0, 300);
    by("outcome").textContent = answer.ok ? "Received. You may close this page." : `Not taken: ${text}`;
    by("submit").disabled = answer.ok;
  } catch {
    by("outcome").textContent = "The server does not answer; try again, or download the answers.";
    by("submit").disabled = false;
  }
});
document.addEventListener("play", (event) => {
  for (const other of document.querySelectorAll("audio")) if (other !== event.target) other.pause();
}, true);
document.addEventListener("keydown", (event) => {
  if (!state || event.ctrlKey || event.metaKey || event.altKey) return;
  const inside = event.target.matches?.("input, audio");
  if (event.key === "ArrowRight" && !inside && state.at < order.length) show(state.at + 1);
  else if (event.key === "ArrowLeft" && !inside) show(state.at - 1);
  else if (/^[a-z]$/i.test(event.key)) {
    const audio = document.querySelector(`audio[data-key="${event.key.toLowerCase()}"]`);
    if (audio) { if (audio.paused) { audio.currentTime = 0; audio.play(); } else audio.pause(); }
  }
});
const given = new URLSearchParams(location.search).get("rater");
if (given && /^[A-Za-z0-9_-]{1,64}$/.test(given)) begin(given);
