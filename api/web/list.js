// The list on show: asked for, answered, gone on with, and what was done with it.
import { recommend, songMood } from "./api.js";
import { muteArtist, record } from "./acts.js";
import { tune } from "./dial.js";
import { byId, el, reveal, toast } from "./dom.js";
import { startFrom } from "./journey.js";
import { isKnown } from "./moods.js";
import { tellNotice } from "./mydata.js";
import { drawPlane, lightDot } from "./plane.js";
import { explainFallback } from "./problems.js";
import { drawReading } from "./reading.js";
import { addSongs, drawWaiting, howMany } from "./songs.js";
import { currentShot } from "./stage.js";
import { clearTrouble, showTrouble } from "./trouble.js";

const N = 20;

const result = byId("result");
/** The list on show: the question, the songs so far, and what was done with them. */
let list = null;
/** The question that was asked last: under way, answered or failed. */
let last = null;
let running = null;

/** The list on show, if there is one. */
export const listOnShow = () => (result.hidden ? null : list);

/**
 * Ask for a new list.
 * @param {{user: string, source: object, strategy: string, filters: object, remember: boolean}} question -
 *   as `recommend` takes it.
 * @param {boolean} quietly - leave the focus and the view where they are.
 */
export function ask(question, quietly = false) {
  fetchPage({
    ...question,
    quietly,
    session: null,
    pages: 0,
    answer: null,
    items: [],
    seen: new Set(),
    answered: new Set(),
    muted: new Set(),
    changed,
  });
}

/** Go on with the list on show. */
export const askMore = () => list && !running && fetchPage(list);

/** Forget the picture: the one under way is called back, and none is sent again. */
export function forgetPicture() {
  if (list?.source.kind === "frames") list.source = { kind: "none" };
  if (last?.source.kind !== "frames") return;
  last = null;
  clearTrouble(); // its "Try again" holds the picture
  if (!running) return;
  running.abort();
  settle();
  takeSkeletonAway();
}

// --- asking -------------------------------------------------------------------------------

async function fetchPage(asked) {
  running?.abort();
  const turn = new AbortController();
  running = turn;
  last = asked;
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

// A session knows its mood: no picture is sent again, the mood is remembered once, and its pages are counted
// as the service cut them. Without one, songs with an event have left the ranking by themselves; only the
// others are passed over.
function page({ session, source, pages, seen, answered }) {
  if (!session) return { offset: [...seen].filter((id) => !answered.has(id)).length };
  return { offset: pages * N, source: source.kind === "words" ? source : { kind: "none" }, remember: false };
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

function refuseToRemember(asked) {
  byId("remember").checked = false;
  toast("This service keeps no moods, so nothing is remembered.");
  fetchPage({ ...asked, remember: false });
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

function takeSkeletonAway() {
  if (result.classList.contains("first")) {
    result.hidden = true;
    result.classList.remove("first");
  }
  byId("status").textContent = "";
}

function fail(error, retry) {
  takeSkeletonAway();
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
  note(fresh.length ? explainFallback(answer.fallback) : nothing());
  const given = {
    still: currentShot()?.still,
    frames: currentShot()?.frames.length,
    words: list.source.words,
  };
  const instead = (source) => ask({ ...list, source });
  drawReading(byId("reading"), answer, given, {
    onmood: (mood) => instead({ kind: "mood", mood }),
    onnone: () => instead({ kind: "none" }),
    onjourney: startFrom,
  });
  changed();
  tellNotice(answer);
  tune(isKnown(answer.mood) ? answer.mood : null);
  byId("list-note").textContent = "";
  byId("status").textContent = `${howMany(fresh)} for ${answer.user}.`;
  if (list.quietly) return toast(`A new list is below: ${howMany(fresh)}`);
  byId("result-title").focus({ preventScroll: true });
  return reveal(result);
}

function showMore(answer) {
  const fresh = takeIn(answer);
  byId("more").hidden = answer.items.length === 0;
  byId("list-note").textContent = fresh.length ? `${howMany(fresh)} more.` : "That is all there is for now.";
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
  Object.keys(list.filters).length
    ? "No song is left with what you narrowed it down to. Try fewer limits."
    : "That is all there is for now. Choose another mood or strategy for different songs.";

function note(text) {
  byId("fallback").textContent = text ?? "";
  byId("fallback").hidden = !text;
}

// The next answer knows what was done with this one: it is offered as soon as it would be another.
function changed() {
  const done = list.answered.size + list.muted.size;
  const button = byId("fresh");
  button.classList.toggle("idle", done === 0);
  button.replaceChildren(
    "Fresh list",
    el("span", { class: "roomy" }, ` with your ${done === 1 ? "answer" : `${done} answers`}`),
    el("span", { class: "tight", "aria-hidden": true }, ` · ${done}`),
  );
  plane();
}
