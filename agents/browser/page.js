import { decoded, wav } from "./sound.js";
import { draw, rowsOf, spectrogram } from "./picture.js";
import { Player } from "./player.js";

const MOST_S = 600;
const part = (id) => document.getElementById(id);
const sides = [...document.querySelectorAll("input[name=side]")];
const canvas = part("picture");
let given = null; // {name, rate, channels, peak, levels}
let remix = null;
let top = 0;
let speed = 0.5; // seconds of work a second of sound and channel, learnt from each remix
let ready = false, working = false, asked = 0;

const player = new Player(show);

function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;
}

// What is played, where, and what can be done now.
function show() {
  const has = given !== null;
  part("play").disabled = !has;
  part("play").textContent = player.running ? "Pause" : "Play";
  part("go").disabled = !(ready && has && !working && part("prompt").value.trim());
  part("unloop").disabled = !player.loop;
  part("further").disabled = !remix || working;
  part("download").ariaDisabled = String(!remix);
  sides.forEach((one, side) => {
    one.disabled = !player.sounds[side];
    one.checked = side === player.side;
  });
  const loop = part("loop");
  loop.hidden = !player.loop;
  if (player.loop) {
    loop.style.left = `${(100 * player.loop[0]) / player.length}%`;
    loop.style.width = `${(100 * (player.loop[1] - player.loop[0])) / player.length}%`;
  }
  move();
}

function move() {
  const at = player.place;
  if (player.running && !player.loop && at >= player.length) {
    player.stop();
    player.at = 0;
    return show();
  }
  part("head").hidden = !player.length;
  part("head").style.left = `${(100 * at) / (player.length || 1)}%`;
  part("time").textContent = player.length ? `${clock(at)} / ${clock(player.length)}` : "0:00.0";
  const view = part("view");
  view.ariaValueMax = player.length.toFixed(1);
  view.ariaValueNow = at.toFixed(1);
  view.ariaValueText = `${at.toFixed(1)} of ${player.length.toFixed(1)} seconds`;
  if (player.running) requestAnimationFrame(move);
}

function drawSide() {
  const sound = player.sounds[player.side];
  if (sound) draw(canvas, sound, sound.levels, top);
}

function measured(sound) {
  sound.peak = sound.channels.reduce((most, one) => one.reduce((a, b) => Math.max(a, Math.abs(b)), most), 0);
  sound.levels = spectrogram(sound, canvas.width, rowsOf(canvas));
  return sound;
}

function say(...notes) {
  part("said").replaceChildren(...notes.map(([words, bad]) => {
    const note = document.createElement("p");
    note.className = bad ? "note bad" : "note";
    note.textContent = words;
    return note;
  }));
}

function work(words, share) {
  part("work").classList.toggle("idle", share === undefined);
  part("doing").textContent = words;
  if (share !== undefined) part("bar").value = share;
}

// A sound to work on, in place of the one before.
function open(sound) {
  given = measured(sound);
  remix = null;
  top = given.levels.reduce((most, one) => Math.max(most, one), -120);
  player.open([given, null]);
  drawSide();
  const kind = { 1: "mono", 2: "stereo" }[given.channels.length] ?? `${given.channels.length} channels`;
  part("given").textContent = `${given.name}: ${player.length.toFixed(1)} s of ${kind} at ${given.rate.toLocaleString("en")} Hz.`;
  part("said").innerHTML = '<p class="soft">What was heard and done is said here.</p>';
  part("prompt").focus();
  show();
}

async function take(name, buffer) {
  if (working) return;
  try {
    const sound = await decoded(buffer);
    const seconds = sound.channels[0].length / sound.rate;
    if (!sound.channels[0].length) throw new Error("It holds no sound.");
    if (seconds > MOST_S) throw new Error(`It is ${(seconds / 60).toFixed(1)} minutes long; this page takes ten. The command lcr remix takes any length.`);
    open({ name, ...sound });
  } catch (error) {
    const why = error.name === "EncodingError" ? "This browser cannot read it as sound. WAV, FLAC, MP3 and Ogg files work everywhere." : error.message;
    part("given").textContent = `${name}: ${why}`;
  }
}

const takeFile = async (file) => file && take(file.name, await file.arrayBuffer());

// --- the worker, which loads through what keeps the files (offline.js), so that each comes once
let worker;
let began;

async function boot() {
  if ("serviceWorker" in navigator && isSecureContext) {
    const there = new Promise((resolve) => { navigator.serviceWorker.oncontrollerchange = resolve; });
    const late = new Promise((resolve) => setTimeout(resolve, 3000));
    await navigator.serviceWorker.register("offline.js").catch(() => {});
    if (!navigator.serviceWorker.controller) await Promise.race([there, late]);
  }
  began = performance.now();
  worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  worker.onmessage = told;
  worker.onerror = () => failed("The page could not be started: it needs a recent browser, and all of its files beside it.");
}

function failed(words) {
  ready = false;
  work(words);
  part("doing").className = "note bad";
  show();
}

function told({ data }) {
  if (data.failed) failed(data.failed);
  else if (data.ready) {
    ready = true;
    work("Ready.");
    show();
  } else if ("loaded" in data && !ready) {
    const left = ((performance.now() - began) / 1000) * (1 / data.loaded - 1);
    const until = left > 2 && data.loaded > 0.05 ? `, about ${Math.ceil(left)} s left` : "";
    work(data.loaded < 0.995 ? `Loading, once: ${Math.round(100 * data.loaded)} %${until}` : "Starting …", data.loaded);
  } else if (data.told && data.id === asked) done(data);
}

function start() {
  working = true;
  asked += 1;
  const { rate, channels } = given;
  const samples = new Float32Array(channels.length * channels[0].length);
  channels.forEach((one, n) => samples.set(one, n * one.length));
  const cost = player.length * channels.length;
  const expected = speed * cost, since = performance.now();
  const tell = () => {
    if (!working) return;
    const gone = (performance.now() - since) / 1000;
    const left = Math.ceil(expected - gone);
    work(left > 0 ? `Remixing, about ${left} s left` : "Remixing, nearly done", Math.min(0.97, gone / expected));
    setTimeout(tell, 200);
  };
  tell();
  say(["Working …"]);
  worker.postMessage({ id: asked, samples, channels: channels.length, rate, prompt: part("prompt").value }, [samples.buffer]);
  show();
}

function done({ samples, told }) {
  working = false;
  if (!samples) {
    work("Ready.");
    say([told.error, true]);
    return show();
  }
  const length = given.channels[0].length;
  speed = told.seconds / (player.length * given.channels.length);
  const channels = given.channels.map((_, n) => samples.slice(n * length, (n + 1) * length));
  remix = measured({ name: given.name, rate: given.rate, channels });
  const factor = (told.seconds / player.length).toFixed(2);
  work(`Took ${told.seconds.toFixed(1)} s, ${factor} times the length of the sound.`);
  say([told.did], ...told.warnings.map((one) => [one, true]));
  URL.revokeObjectURL(part("download").href);
  part("download").href = URL.createObjectURL(wav(remix));
  part("download").download = `${given.name.replace(/\.[^.]*$/, "")}.remix.wav`;
  player.open([given, remix], { keep: true });
  turn(1);
}

function turn(side) {
  player.turn(side);
  drawSide();
}

// --- what a person does
part("choose").onclick = () => part("file").click();
part("file").onchange = ({ target }) => { takeFile(target.files[0]); target.value = ""; };
addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
addEventListener("dragleave", () => document.body.classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  takeFile(event.dataTransfer.files[0]);
});

let recorder = null;
part("record").onclick = async () => {
  if (recorder) return recorder.stop();
  try {
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
    const parts = [], since = performance.now();
    recorder = new MediaRecorder(stream);
    recorder.ondataavailable = ({ data }) => parts.push(data);
    recorder.onstop = async () => {
      stream.getTracks().forEach((track) => track.stop());
      recorder = null;
      part("record").textContent = "Record";
      part("record").ariaPressed = "false";
      take("recording", await new Blob(parts).arrayBuffer());
    };
    recorder.start();
    part("record").ariaPressed = "true";
    const tick = () => {
      if (!recorder) return;
      const gone = (performance.now() - since) / 1000;
      part("record").textContent = `Stop (${clock(gone)})`;
      if (gone > MOST_S) recorder.stop();
      else setTimeout(tick, 100);
    };
    tick();
  } catch {
    part("given").textContent = "There is no microphone that this page may use. Allow it in the browser, or choose a file.";
  }
};

const { files } = await (await fetch("files.json")).json();
part("example").hidden = !("example.wav" in files);
part("example").onclick = async () => {
  await take("street.wav", await (await fetch("example.wav")).arrayBuffer());
  part("prompt").value = "remove the siren";
  show();
};

part("prompt").oninput = show;
for (const chip of document.querySelectorAll(".chip")) {
  chip.onclick = () => { part("prompt").value = chip.textContent; part("prompt").focus(); show(); };
}
part("wish").onsubmit = (event) => {
  event.preventDefault();
  if (!part("go").disabled) start();
};
part("play").onclick = () => player.toggle();
part("unloop").onclick = () => player.go(player.place, null);
part("further").onclick = () => open({ ...remix });
sides.forEach((one, side) => { one.onchange = () => turn(side); });

const view = part("view");
const second = (event) => {
  const { left, width } = view.getBoundingClientRect();
  return Math.max(0, Math.min(1, (event.clientX - left) / width)) * player.length;
};
let from = null;
view.onpointerdown = (event) => {
  if (!player.length) return;
  from = second(event);
  view.setPointerCapture(event.pointerId);
};
view.onpointerup = (event) => {
  if (from === null) return;
  const [start, end] = [from, second(event)].sort((a, b) => a - b);
  from = null;
  if (end - start < Math.max(0.05, player.length / 100)) player.go(end);
  else player.go(start, [start, end]);
};
addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=radio]), textarea");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !player.length) return;
  const at = player.place;
  const act = {
    " ": () => !event.target.matches("button, a") && (player.toggle(), true),
    x: () => turn(1 - player.side),
    l: () => player.go(at, player.loop ? null : [at, Math.min(player.length, at + 1)]),
    ArrowLeft: () => player.go(at - 1),
    ArrowRight: () => player.go(at + 1),
    Home: () => event.target === view && player.go(0),
    End: () => event.target === view && player.go(player.length),
  }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (act && !(event.target.type === "radio" && event.key.startsWith("Arrow")) && act() !== false) event.preventDefault();
});

show();
boot();
