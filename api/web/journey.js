// The journey builder: two ends and a length in; a way, its songs and its files out.
import { file, makeJourney, moodText, newKey } from "./api.js";
import { byId, el, keep, reveal, toast } from "./dom.js";
import { hear } from "./hear.js";
import { JourneyPad, drawTrip } from "./journeypad.js";
import { listener } from "./listener.js";
import { WORDS, nearestWord, region, wordAt } from "./moods.js";
import { explain, explainFallback } from "./problems.js";
import { howMany, minutes, moodTag, reasons } from "./songs.js";
import { clearTrouble, showTrouble } from "./trouble.js";
import { goTo } from "./views.js";

const wordOf = (name) => WORDS.find(({ word }) => word === name);
const TRIPS = [
  ["Lift me up", "sad", "happy"],
  ["Wind down", "excited", "calm"],
  ["Let it out", "angry", "content"],
  ["Wake up", "tired", "excited"],
];
const FORMATS = { m3u8: "M3U8", xspf: "XSPF", jspf: "JSPF" };
const UNITS = {
  length: { min: 4, max: 40, value: 12, name: "songs" },
  minutes: { min: 10, max: 180, value: 45, name: "minutes" },
};

let pad;
let shown = null; // the journey on show
let busy = false;

const unit = () => document.querySelector("input[name=unit]:checked").value;

// --- asking -------------------------------------------------------------------------------

/** Set both ends everywhere they are shown. */
function setEnds(a, b) {
  pad.set({ a, b });
  tellEnds({ a, b });
}

function tellEnds({ a, b }) {
  for (const [field, mood] of [
    [byId("from"), a],
    [byId("to"), b],
  ]) {
    const word = wordAt(mood);
    const between = field.querySelector("[value='']");
    between.hidden = Boolean(word);
    between.textContent = `near ${nearestWord(mood)}`;
    field.value = word?.word ?? "";
  }
}

function tellAmount() {
  byId("amount-text").textContent = `${byId("amount").value} ${UNITS[unit()].name}`;
  byId("amount").setAttribute("aria-valuetext", byId("amount-text").textContent);
}

function question(user, exclude) {
  const { a, b } = pad.ends;
  return { user, from: moodText(a), to: moodText(b), [unit()]: Number(byId("amount").value), exclude };
}

function make(exclude = []) {
  const user = listener();
  if (user && !busy) send(question(user, exclude), newKey());
}

// Trying again sends the same key: a journey whose answer was lost is found again, not made twice.
async function send(body, key) {
  busy = true;
  clearTrouble();
  byId("journey-status").textContent = "Looking for the way.";
  byId("view-journey").setAttribute("aria-busy", "true");
  try {
    show(await makeJourney(body, key), body);
  } catch (error) {
    byId("journey-status").textContent = "";
    showTrouble(error, () => send(body, key));
  } finally {
    busy = false;
    byId("view-journey").removeAttribute("aria-busy");
  }
}

// --- answering ----------------------------------------------------------------------------

function length(playlist) {
  const songs = howMany(playlist.items);
  if (!playlist.duration_s) return songs;
  const more = playlist.durations_unknown ? ", and some of unknown length" : "";
  return `${songs}, ${Math.round(playlist.duration_s / 60)} minutes${more}`;
}

function light(item, on) {
  byId(`stop-${item.rank}`)?.classList.toggle("lit", on);
  const dot = byId("trip").querySelector(`.trip-dot[data-rank="${item.rank}"]`);
  dot?.classList.toggle("lit", on);
}

// From the list a dot comes in front of its neighbours; one that is pointed at is there already.
function raise(item) {
  const dot = byId("trip").querySelector(`.trip-dot[data-rank="${item.rank}"]`);
  dot?.parentNode.append(dot);
}

function stop(item) {
  const { song, rank } = item;
  const glow = (on) => () => {
    if (on) raise(item);
    light(item, on);
  };
  return el(
    "li",
    {
      class: "stop",
      id: `stop-${rank}`,
      onpointerenter: glow(true),
      onpointerleave: glow(false),
      onfocusin: glow(true),
      onfocusout: glow(false),
    },
    el("span", { class: "rank", "aria-hidden": true }, String(rank)),
    el(
      "div",
      { class: "stop-body" },
      el("h3", {}, song.title),
      el(
        "p",
        { class: "by" },
        song.artist,
        Number.isFinite(song.duration_s) && el("span", { class: "about" }, minutes(song.duration_s)),
      ),
      reasons(item.reasons),
      el(
        "details",
        { class: "hear" },
        el("summary", {}, "Hear it", el("span", { class: "visually-hidden" }, `: ${song.title}`)),
        ...hear(song).filter(Boolean),
      ),
    ),
    moodTag(song.mood),
  );
}

function downloads(playlist) {
  const way = `attune-${nearestWord(playlist.from)}-to-${nearestWord(playlist.to)}`;
  const save = (format) => async () => {
    const name = `${way}.${format}`;
    try {
      keep(await file(playlist.links[format]), name);
      toast(`Saved as ${name}`);
    } catch (error) {
      toast(`${explain(error).title}. Nothing was saved.`);
    }
  };
  return el(
    "div",
    { class: "row downloads", role: "group", "aria-label": "Take this journey with you" },
    el("span", {}, "Take it with you"),
    ...Object.entries(FORMATS)
      .filter(([format]) => playlist.links?.[format])
      .map(([format, name]) => el("button", { type: "button", class: "act", onclick: save(format) }, name)),
  );
}

function show(playlist, body) {
  shown = playlist;
  const others = () =>
    make([...(body.exclude ?? []), ...shown.items.map((item) => item.song.id)].slice(-500));
  const told = explainFallback(playlist.fallback);
  byId("trip").replaceChildren(
    el(
      "div",
      { class: "result-head" },
      el(
        "h2",
        { id: "trip-title", tabindex: -1 },
        `From ${nearestWord(playlist.from)} to ${nearestWord(playlist.to)}`,
      ),
      el("button", { type: "button", class: "plain", onclick: others }, "Other songs"),
    ),
    el(
      "div",
      { class: "result-grid" },
      el(
        "div",
        { class: "side" },
        el(
          "section",
          { class: "card trip-card", "aria-label": "The way" },
          drawTrip(playlist, light),
          el(
            "p",
            { class: "hint" },
            `The broad line is the way, from ${region(playlist.from)} to ${region(playlist.to)}; the thin one goes from song to song.`,
          ),
          downloads(playlist),
        ),
      ),
      el(
        "div",
        { class: "list" },
        told && el("p", { class: "note" }, told),
        el("p", { class: "trip-length" }, length(playlist)),
        el("ol", { class: "stops" }, ...playlist.items.map(stop)),
      ),
    ),
  );
  byId("trip").hidden = false;
  byId("journey-status").textContent =
    `${length(playlist)}, from ${nearestWord(playlist.from)} to ${nearestWord(playlist.to)}.`;
  byId("trip-title").focus({ preventScroll: true });
  reveal(byId("trip"));
}

// --- wiring -------------------------------------------------------------------------------

/** Open the builder with a start. */
export function startFrom(mood) {
  setEnds({ valence: mood.valence, arousal: mood.arousal }, pad.ends.b);
  goTo("journey");
}

export function openJourney() {
  pad = new JourneyPad(byId("journey-pad"), tellEnds);
  for (const [id, end] of [
    ["from", "a"],
    ["to", "b"],
  ]) {
    const field = byId(id);
    field.append(
      el("option", { value: "", hidden: true }, "between"),
      ...WORDS.map(({ word }) => el("option", { value: word }, word)),
    );
    field.addEventListener("change", () => {
      const ends = { ...pad.ends, [end]: wordOf(field.value) };
      setEnds(ends.a, ends.b);
    });
  }
  byId("trips").append(
    ...TRIPS.map(([name, a, b]) =>
      el("button", { type: "button", class: "chip", onclick: () => setEnds(wordOf(a), wordOf(b)) }, name),
    ),
  );
  byId("amount").addEventListener("input", tellAmount);
  for (const radio of document.querySelectorAll("input[name=unit]"))
    radio.addEventListener("change", () => {
      const { min, max, value } = UNITS[unit()];
      Object.assign(byId("amount"), { min, max, step: unit() === "minutes" ? 5 : 1, value });
      tellAmount();
    });
  byId("swap").addEventListener("click", () => setEnds(pad.ends.b, pad.ends.a));
  byId("journey").addEventListener("submit", (event) => {
    event.preventDefault();
    make();
  });
  setEnds(wordOf("sad"), wordOf("happy"));
  tellAmount();
}
