// Songs for now: the questions, the answer, and the pages after it.
import { recommend, songMood } from "./api.js";
import { muteArtist, record } from "./acts.js";
import { tune } from "./dial.js";
import { byId, el, reveal, toast } from "./dom.js";
import { filters, openFilters } from "./filters.js";
import { startFrom } from "./journey.js";
import { listener } from "./listener.js";
import { MoodPad } from "./moodpad.js";
import { isKnown } from "./moods.js";
import { tellNotice } from "./mydata.js";
import { drawPlane, lightDot } from "./plane.js";
import { explainFallback } from "./problems.js";
import { drawReading } from "./reading.js";
import { addSongs, drawWaiting } from "./songs.js";
import { currentShot, openStage } from "./stage.js";
import { clearTrouble, showTrouble } from "./trouble.js";

const N = 20;
const REST = 350; // milliseconds a choice has to rest before it is asked for

const result = byId("result");
let pad;
/** The list on show: the question, the songs so far, and what was done with them. */
let list = null;
let running = null;
let pending;

const strategy = () => document.querySelector("input[name=strategy]:checked").value;

// --- asking -------------------------------------------------------------------------------

/**
 * Ask for a new list; `again` keeps the listener of the list on show, `quietly` leaves the focus and the
 * view where they are.
 */
function ask(source, { again = false, quietly = false } = {}) {
  const user = again && list ? list.user : listener();
  const narrowed = user && filters();
  if (!narrowed) return;
  const fresh = {
    user,
    source,
    quietly,
    strategy: strategy(),
    filters: { ...narrowed, ...remembering() },
    session: null,
    pages: 0,
    answer: null,
    items: [],
    seen: new Set(),
    answered: new Set(),
    muted: new Set(),
    changed: countAnswers,
  };
  fetchPage(fresh);
}

const askAgain = (quietly) => list && !result.hidden && ask(list.source, { again: true, quietly });

async function fetchPage(asked) {
  running?.abort();
  const turn = new AbortController();
  running = turn;
  const first = asked.pages === 0;
  waiting(asked.source, first);
  try {
    const answer = await recommend({ ...asked, ...page(asked), n: N }, turn.signal);
    if (turn !== running) return;
    asked.pages += 1;
    list = asked;
    if (first) showFirst(answer);
    else showMore(answer);
  } catch (error) {
    if (turn !== running) return;
    if (error.parameter === "remember") refuseToRemember(asked);
    else fail(error, () => fetchPage(asked));
  } finally {
    if (turn === running) settle();
  }
}

// A session knows its mood: no picture is sent again, and its pages are counted as the service cut them.
// Without one, songs with an event have left the ranking by themselves; only the others are passed over.
function page({ session, source, pages, seen, answered }) {
  if (!session) return { offset: [...seen].filter((id) => !answered.has(id)).length };
  return { offset: pages * N, source: source.kind === "words" ? source : { kind: "none" } };
}

function waiting(source, first) {
  clearTrouble();
  const look = source.kind === "frames";
  byId("status").textContent =
    look && first ? "Reading the picture and looking for songs." : "Looking for songs.";
  byId(first ? "result" : "songs").setAttribute("aria-busy", "true");
  if (!first || !result.hidden) return;
  byId("result-title").textContent = look ? "Reading the picture…" : "Looking for songs…";
  drawEmptyCards(look);
  note(null);
  drawWaiting(byId("songs"));
  result.hidden = false;
  result.classList.add("first");
  reveal(result);
}

// Remembering is the listener's wish; not every service keeps moods.
const remembering = () => (byId("remember").checked ? { remember: "true" } : {});

function refuseToRemember(asked) {
  byId("remember").checked = false;
  delete asked.filters.remember;
  toast("This service keeps no moods, so nothing is remembered.");
  fetchPage(asked);
}

function drawEmptyCards(look) {
  const bones = ["title", "by", "why"].map((kind) =>
    el("span", { class: `bone ${kind}`, "aria-hidden": true }),
  );
  byId("reading").replaceChildren(
    el("h3", { id: "reading-title" }, look ? "What the picture shows" : "Your mood"),
    ...bones,
  );
  byId("plane").replaceChildren(
    el("h3", { id: "plane-title" }, "Where the songs are"),
    el("div", { class: "plane-field still" }),
  );
}

function settle() {
  running = null;
  result.removeAttribute("aria-busy");
  byId("songs").removeAttribute("aria-busy");
}

function fail(error, retry) {
  if (result.classList.contains("first")) {
    result.hidden = true;
    result.classList.remove("first");
  }
  byId("status").textContent = "";
  showTrouble(error, retry);
}

// --- answering ----------------------------------------------------------------------------

/** Take an answer's songs into the list; returns those not seen before, numbered on. */
function takeIn(answer) {
  list.session = answer.session ?? null;
  const fresh = answer.items
    .filter((item) => !list.seen.has(item.song.id))
    .map((item, i) => ({ ...item, rank: list.items.length + i + 1 }));
  fresh.forEach((item) => list.seen.add(item.song.id));
  list.items.push(...fresh);
  addSongs(byId("songs"), fresh, hooks);
  return fresh;
}

const hooks = (item) => {
  const mine = list; // a row speaks for the list it came with
  return {
    key: item.rank,
    send: (event) => record(mine, item, event),
    mute: () => muteArtist(mine, item.song.artist),
    light: (on) => lightDot(byId("plane"), item, on),
    read: songMood,
  };
};

function showFirst(answer) {
  list.answer = answer;
  result.hidden = false;
  result.classList.remove("first");
  byId("songs").replaceChildren();
  const fresh = takeIn(answer);
  byId("result-title").textContent = `Songs for ${answer.user}`;
  byId("version").textContent = answer.model_version ? `Model ${answer.model_version}` : "";
  byId("more").hidden = fresh.length < N;
  countAnswers();
  note(fresh.length ? explainFallback(answer.fallback) : nothing());
  const given = {
    still: currentShot()?.still,
    frames: currentShot()?.frames.length,
    words: list.source.words,
  };
  drawReading(byId("reading"), answer, given, {
    onmood: (mood) => ask({ kind: "mood", mood }, { again: true }),
    onnone: () => ask({ kind: "none" }, { again: true }),
    onjourney: startFrom,
  });
  plane();
  tellNotice(answer);
  tune(isKnown(answer.mood) ? answer.mood : null);
  byId("list-note").textContent = "";
  byId("status").textContent = `${fresh.length} songs for ${answer.user}.`;
  if (list.quietly) return toast(`A new list is below: ${fresh.length} songs`);
  byId("result-title").focus({ preventScroll: true });
  return reveal(result);
}

function showMore(answer) {
  const fresh = takeIn(answer);
  byId("more").hidden = answer.items.length === 0;
  byId("list-note").textContent = fresh.length
    ? `${fresh.length} more songs.`
    : "That is all there is for now.";
  plane();
  if (fresh.length) byId(`song-${fresh[0].rank}`).focus();
}

function plane() {
  const present = list.items.filter((item) => byId("songs").querySelector(`#song-${item.rank}:not([inert])`));
  drawPlane(byId("plane"), { ...list.answer, items: present }, (item, on) => {
    byId(`song-${item.rank}`)?.classList.toggle("lit", on);
    lightDot(byId("plane"), item, on);
  });
}

const nothing = () =>
  Object.keys(list.filters).some((name) => name !== "remember")
    ? "No song is left with what you narrowed it down to. Try fewer limits."
    : "That is all there is for now. Choose another mood or strategy for different songs.";

function note(text) {
  byId("fallback").textContent = text ?? "";
  byId("fallback").hidden = !text;
}

// The next answer knows what was done with this one: say so where it is asked for.
function countAnswers() {
  const done = list.answered.size + list.muted.size;
  const button = byId("fresh");
  button.classList.toggle("primary", done > 0);
  button.textContent = done
    ? `Fresh list with your ${done === 1 ? "answer" : `${done} answers`}`
    : "Fresh list";
}

// --- wiring -------------------------------------------------------------------------------

function tellOfWords(text) {
  byId("query-problem").textContent = text;
  byId("query").setAttribute("aria-invalid", String(Boolean(text)));
}

function askInWords(event) {
  event.preventDefault();
  const words = byId("query").value.trim();
  tellOfWords(words ? "" : "Say what you are after first, a word or two will do.");
  if (words) ask({ kind: "words", words });
  else byId("query").focus();
}

// On a phone one way to tell is on show at a time.
function showWay(way) {
  byId("feeling").dataset.way = way;
  for (const button of document.querySelectorAll(".ways-switch button"))
    button.setAttribute("aria-pressed", String(button.dataset.way === way));
}

/** Bring the mood pad up: the way that needs neither camera nor key words. */
export function tellMood() {
  showWay("say");
  reveal(byId("say-title"));
  pad.knob.focus({ preventScroll: true });
}

export function openNow() {
  pad = new MoodPad(byId("pad"), { name: "say", onchange: tune });
  byId("say").addEventListener("click", () => ask({ kind: "mood", mood: pad.mood }));
  byId("none").addEventListener("click", () => ask({ kind: "none" }));
  byId("words").addEventListener("submit", askInWords);
  byId("query").addEventListener("input", () => tellOfWords(""));
  byId("more").addEventListener("click", () => list && !running && fetchPage(list));
  byId("fresh").addEventListener("click", () => askAgain(false));
  document
    .querySelector(".ways-switch")
    .addEventListener("click", ({ target }) => target.dataset.way && showWay(target.dataset.way));
  // Arrow keys pass through the strategies one by one: ask only when the choice rests.
  const soon = () => {
    clearTimeout(pending);
    pending = setTimeout(askAgain, REST, true);
  };
  byId("strategies").addEventListener("change", soon);
  openFilters(soon);
  openStage({
    ready: () => Boolean(listener()),
    onshot: ({ frames }) => ask({ kind: "frames", frames }),
    onproblem: (error) => showTrouble(error),
    ondrop: () => {
      if (list?.source.kind === "frames") list.source = { kind: "none" };
    },
  });
}
