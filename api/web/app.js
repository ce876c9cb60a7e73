// The page's flow: three questions, one answer, and everything one may do with the answer.
import { Problem, feedback, recommend, songMood, storeKey, storedKey, welcome } from "./api.js";
import { drawDial, tune } from "./dial.js";
import { byId, el, reveal, toast } from "./dom.js";
import { MoodPad } from "./moodpad.js";
import { isKnown } from "./moods.js";
import { drawPlane, dropDot, lightDot } from "./plane.js";
import { explain, explainFallback } from "./problems.js";
import { drawReading } from "./reading.js";
import { drawSongs, drawWaiting } from "./songs.js";
import { currentShot, openStage } from "./stage.js";

const N = 20;
const PATIENCE = 30_000; // milliseconds until a silent service is given up on

const user = byId("user");
const result = byId("result");
const problem = byId("problem");

/** The question behind the list on show: {user, source, seen, answered}; the two sets hold song ids. */
let asked = null;
let running = null;

const strategy = () => document.querySelector("input[name=strategy]:checked").value;

// --- asking -------------------------------------------------------------------------------

function listener() {
  const id = user.value.trim();
  byId("user-problem").textContent = id ? "" : "Say who is listening first. Any name will do.";
  user.setAttribute("aria-invalid", String(!id));
  if (!id) user.focus();
  return id;
}

/** Ask for songs that fit what was typed; the field says so when there is nothing in it. */
function askInWords(event) {
  event.preventDefault();
  const field = byId("query");
  const words = field.value.trim();
  tellOfWords(words ? "" : "Say what you are after first, a word or two will do.");
  if (words) ask({ kind: "words", words });
  else field.focus();
}

function tellOfWords(text) {
  byId("query-problem").textContent = text;
  byId("query").setAttribute("aria-invalid", String(Boolean(text)));
}

/** Ask for a new list from a mood source; `again` keeps the listener of the list on show. */
function ask(source, { again = false } = {}) {
  const id = again && asked ? asked.user : listener();
  if (!id) return;
  fetchSongs({ user: id, source, seen: new Set(), answered: new Set() });
}

async function fetchSongs(question) {
  running?.abort();
  const turn = new AbortController();
  running = turn;
  const late = setTimeout(() => turn.abort(), PATIENCE);
  // Songs with an event leave the ranking by themselves; only the others are passed over.
  const { source, seen, answered } = question;
  const offset = [...seen].filter((id) => !answered.has(id)).length;
  waiting(source);
  try {
    const { answer, demo } = await recommend(
      { user: question.user, strategy: strategy(), offset, n: N, source },
      turn.signal,
    );
    if (turn !== running) return;
    asked = question;
    show(answer, demo);
  } catch (error) {
    if (turn !== running) return;
    fail(error.name === "AbortError" ? new Problem("timeout") : error, () => fetchSongs(question));
  } finally {
    clearTimeout(late);
    if (turn === running) settle();
  }
}

function waiting(source) {
  problem.hidden = true;
  byId("status").textContent =
    source.kind === "frames" ? "Reading the picture and looking for songs." : "Looking for songs.";
  result.setAttribute("aria-busy", "true");
  document.body.classList.add("busy");
  if (!result.hidden) return;
  byId("result-title").textContent = source.kind === "frames" ? "Reading the picture…" : "Looking for songs…";
  byId("reading").replaceChildren();
  byId("plane").replaceChildren();
  byId("fallback").hidden = true;
  drawWaiting(byId("songs"));
  result.hidden = false;
  result.classList.add("first");
  reveal(result);
}

function settle() {
  running = null;
  result.removeAttribute("aria-busy");
  document.body.classList.remove("busy");
}

// --- answering ----------------------------------------------------------------------------

function show(answer, demo) {
  result.hidden = false;
  result.classList.remove("first");
  if (demo) byId("demo").hidden = false;
  const fresh = answer.items.filter((item) => !asked.seen.has(item.song.id));
  fresh.forEach((item) => asked.seen.add(item.song.id));
  const view = { ...answer, items: fresh };
  byId("result-title").textContent = `Songs for ${answer.user}`;
  byId("version").textContent = answer.model_version ? `Model ${answer.model_version}` : "";
  note(
    fresh.length
      ? explainFallback(answer.fallback)
      : "That is all there is for now. Choose another mood or strategy for different songs.",
  );
  drawReading(
    byId("reading"),
    view,
    { still: currentShot()?.still, words: asked.source.words },
    (mood) => ask({ kind: "mood", mood }, { again: true }),
  );
  drawPlane(byId("plane"), view, (item, on) => {
    byId(`song-${item.rank}`)?.classList.toggle("lit", on);
    lightDot(byId("plane"), item, on);
  });
  drawSongs(byId("songs"), fresh, record, (item, on) => lightDot(byId("plane"), item, on), songMood);
  tune(isKnown(answer.mood) ? answer.mood : null);
  byId("status").textContent = `${fresh.length} songs for ${answer.user}.`;
  byId("result-title").focus({ preventScroll: true });
  reveal(result);
}

function note(text) {
  byId("fallback").textContent = text ?? "";
  byId("fallback").hidden = !text;
}

/** Send one event; true when the service has it. */
async function record(item, event) {
  try {
    await feedback(asked.user, item.song.id, event);
  } catch (error) {
    toast(`${explain(error).title}. Your choice was not saved.`);
    return false;
  }
  asked.answered.add(item.song.id);
  if (event !== "like") dropDot(byId("plane"), item.song.id);
  if ([...asked.seen].every((id) => asked.answered.has(id)))
    note("You have answered every song of this list. “Next songs” brings more.");
  const said = { like: "Liked", skip: "Skipped", dislike: "Never again" }[event];
  toast(`${said}: ${item.song.title}. The next list will know.`);
  return true;
}

// --- problems -----------------------------------------------------------------------------

function fail(error, retry = null) {
  const told = explain(error);
  if (result.classList.contains("first")) {
    result.hidden = true;
    result.classList.remove("first");
  }
  byId("status").textContent = "";
  const actions = {
    say: () =>
      el("button", { type: "button", class: "plain", onclick: tellInstead }, "Tell us your mood instead"),
    retry: () => retry && el("button", { type: "button", class: "plain", onclick: retry }, "Try again"),
    key: () => el("button", { type: "button", class: "plain", onclick: openSettings }, "Open the settings"),
  };
  const action = actions[told.action]();
  problem.replaceChildren(el("h2", {}, told.title), el("p", {}, told.text), ...(action ? [action] : []));
  problem.hidden = false;
  reveal(problem);
  problem.focus({ preventScroll: true });
}

function tellInstead() {
  problem.hidden = true;
  reveal(byId("say-title"));
  pad.knob.focus({ preventScroll: true });
}

function openSettings() {
  byId("settings").open = true;
  byId("key").focus();
}

// --- wiring -------------------------------------------------------------------------------

const pad = new MoodPad(byId("pad"), { name: "say", onchange: tune });

function offerListeners(ids) {
  byId("listeners").replaceChildren(...ids.slice(0, 60).map((id) => el("option", { value: id })));
  const choose = (id) => () => {
    user.value = id;
    byId("user-problem").textContent = "";
    user.removeAttribute("aria-invalid");
  };
  const chip = (id, text) => el("button", { type: "button", class: "chip", onclick: choose(id) }, text);
  byId("samples").replaceChildren(
    el("span", {}, "Try"),
    ...ids.slice(0, 3).map((id) => chip(id, id)),
    chip("newcomer", "someone new"),
  );
  byId("samples").hidden = !ids.length;
}

async function greet() {
  try {
    const { demo, listeners } = await welcome();
    byId("demo").hidden = !demo;
    offerListeners(listeners);
  } catch {
    // The page works without the welcome; asking will say what is wrong.
  }
}

function wireTheme() {
  const button = byId("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () =>
    (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const name = () => {
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `${button.textContent} theme`);
  };
  button.addEventListener("click", () => {
    const chosen = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = chosen;
    try {
      localStorage.setItem("attune.theme", chosen);
    } catch {
      /* kept for this visit only */
    }
    name();
  });
  dark.addEventListener("change", name);
  name();
}

function wireSettings() {
  const settings = byId("settings");
  byId("key").value = storedKey();
  byId("key").addEventListener("input", (event) => storeKey(event.target.value.trim()));
  byId("key").addEventListener("change", greet); // with a key the listeners may be shown
  settings.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    settings.open = false;
    settings.querySelector("summary").focus();
  });
  addEventListener("pointerdown", (event) => {
    if (!settings.contains(event.target)) settings.open = false;
  });
}

let pending;
function wireQuestions() {
  byId("say").addEventListener("click", () => ask({ kind: "mood", mood: pad.mood }));
  byId("words").addEventListener("submit", askInWords);
  byId("query").addEventListener("input", () => tellOfWords(""));
  byId("none").addEventListener("click", () => ask({ kind: "none" }));
  byId("more").addEventListener("click", () => {
    if (asked) fetchSongs(asked);
  });
  user.addEventListener("input", () => {
    byId("user-problem").textContent = "";
    user.removeAttribute("aria-invalid");
  });
  // Arrow keys pass through the strategies one by one: ask only when the choice rests.
  byId("strategies").addEventListener("change", () => {
    clearTimeout(pending);
    if (asked && !result.hidden) pending = setTimeout(() => ask(asked.source, { again: true }), 350);
  });
  openStage({
    ready: () => Boolean(listener()),
    onshot: ({ frames }) => ask({ kind: "frames", frames }),
    onproblem: (error) => fail(error),
    ondrop: () => {
      if (asked?.source.kind === "frames") asked = { ...asked, source: { kind: "none" } };
    },
  });
}

drawDial();
wireTheme();
wireSettings();
wireQuestions();
user.value = new URLSearchParams(location.search).get("user") ?? "";
greet();
