// The plane with two knobs, A where a journey starts and B where it ends, and its way drawn between.
import { el, svg } from "./dom.js";
import { Knob, SIDE, at, axes, distance, draggable, put } from "./field.js";
import { WORDS, isKnown, moodColour, region } from "./moods.js";

const NEAR = 0.2; // of the plane's unit: a word nearer to a knob or the way would be struck through
const line = (points) => points.map((mood, i) => `${i ? "L" : "M"}${at(mood).join(" ")}`).join("");

/** How far a point lies from the way between two others. */
function aside(point, a, b) {
  const [v, w] = [b.valence - a.valence, b.arousal - a.arousal];
  const along = ((point.valence - a.valence) * v + (point.arousal - a.arousal) * w) / (v * v + w * w || 1);
  const t = Math.max(0, Math.min(1, along));
  return distance(point, { valence: a.valence + t * v, arousal: a.arousal + t * w });
}

export class JourneyPad {
  /**
   * @param {HTMLElement} host - receives the pad.
   * @param {(ends: {a: object, b: object}) => void} onchange - called when the listener moved a knob.
   */
  constructor(host, onchange) {
    this.onchange = onchange;
    this.ends = { a: WORDS[0], b: WORDS[0] };
    this.knobs = { a: this.#knob("a", "Start"), b: this.#knob("b", "End") };
    this.way = svg("path", { class: "way-line" });
    this.words = WORDS.map((word) => {
      const label = el("span", { class: "word", "aria-hidden": true }, word.word);
      put(label, word);
      return label;
    });
    const field = el(
      "div",
      { class: "plane-field" },
      ...axes(),
      ...this.words,
      svg(
        "svg",
        { viewBox: `0 0 ${SIDE} ${SIDE}`, preserveAspectRatio: "none", class: "plane", "aria-hidden": true },
        this.way,
      ),
      this.knobs.a.node,
      this.knobs.b.node,
    );
    host.replaceChildren(
      field,
      el(
        "p",
        { class: "hint", id: "ends-hint" },
        "Drag A and B, or tap: the nearer one comes. With the keyboard, use the arrow keys.",
      ),
    );
    draggable(field, (event, mood) => this.knobs[this.#nearer(mood)]);
  }

  /** Move both ends; does not call `onchange`. */
  set({ a, b }) {
    this.ends = { a, b };
    this.knobs.a.set(a);
    this.knobs.b.set(b);
    this.way.setAttribute("d", line([a, b]));
    WORDS.forEach((word, i) => (this.words[i].hidden = aside(word, a, b) < NEAR));
  }

  #nearer = (mood) => (distance(this.ends.a, mood) <= distance(this.ends.b, mood) ? "a" : "b");

  #knob(end, name) {
    const onmove = (mood) => {
      this.set({ ...this.ends, [end]: mood });
      this.onchange(this.ends);
    };
    return new Knob({ name, hint: "ends-hint", mark: end.toUpperCase(), look: `end ${end}`, onmove });
  }
}

/**
 * The picture of a finished journey: its path, and the songs in their order along it.
 * @param {object} playlist - of /playlists.
 * @param {(item, on) => void} light - called while a song's dot is pointed at.
 */
export function drawTrip(playlist, light) {
  const path = playlist.items.map((item) => item.path).filter(isKnown);
  const placed = playlist.items.filter((item) => isKnown(item.song.mood));
  const dots = placed.map((item) => {
    const [cx, cy] = at(item.song.mood);
    const circle = svg("circle", { class: "dot", r: 9, cx, cy });
    circle.style.setProperty("--dot", moodColour(item.song.mood));
    return svg(
      "g",
      {
        class: "trip-dot",
        "data-rank": item.rank,
        onpointerenter: () => light(item, true),
        onpointerleave: () => light(item, false),
      },
      circle,
      svg("text", { x: cx, y: cy + 3.6, class: "trip-number" }, String(item.rank)),
    );
  });
  const label = `The way of ${placed.length} songs from ${region(playlist.from)} to ${region(playlist.to)}`;
  return el(
    "div",
    { class: "plane-field still" },
    ...axes(),
    svg(
      "svg",
      { viewBox: `0 0 ${SIDE} ${SIDE}`, class: "plane", role: "img", "aria-label": label },
      svg("path", { class: "trip-path", d: line(path) }),
      svg("path", { class: "trip-steps", d: line(placed.map((item) => item.song.mood)) }),
      ...dots,
    ),
  );
}
