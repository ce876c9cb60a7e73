// The plane with two knobs, A where a journey starts and B where it ends, and its way drawn between.
import { el, svg } from "./dom.js";
import { WORDS, describe, isKnown, moodColour, region } from "./moods.js";
import { axes } from "./plane.js";
import { MOVES, clamp } from "./moodpad.js";

const SIDE = 320;
const at = (mood) => [(SIDE / 2) * (1 + mood.valence), (SIDE / 2) * (1 - mood.arousal)];
const line = (points) => points.map((mood, i) => `${i ? "L" : "M"}${at(mood).join(" ")}`).join("");

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
      label.style.left = `${50 + 50 * word.valence}%`;
      label.style.top = `${50 - 50 * word.arousal}%`;
      return label;
    });
    this.field = el(
      "div",
      { class: "plane-field" },
      ...axes(),
      ...this.words,
      svg(
        "svg",
        { viewBox: `0 0 ${SIDE} ${SIDE}`, preserveAspectRatio: "none", class: "plane", "aria-hidden": true },
        this.way,
      ),
      this.knobs.a,
      this.knobs.b,
    );
    host.replaceChildren(
      this.field,
      el(
        "p",
        { class: "hint", id: "ends-hint" },
        "Drag A and B, or tap: the nearer one comes. With the keyboard, use the arrow keys.",
      ),
    );
    this.#pointer();
  }

  /** Move both ends; does not call `onchange`. */
  set({ a, b }) {
    this.ends = { a, b };
    for (const end of ["a", "b"]) {
      const mood = this.ends[end];
      const knob = this.knobs[end];
      knob.style.left = `${50 + 50 * mood.valence}%`;
      knob.style.top = `${50 - 50 * mood.arousal}%`;
      knob.style.setProperty("--dot", moodColour(mood));
      knob.setAttribute("aria-valuenow", mood.valence);
      knob.setAttribute("aria-valuetext", describe(mood));
    }
    this.way.setAttribute("d", line([a, b]));
    const under = (w) => [a, b].some((m) => Math.hypot(m.valence - w.valence, m.arousal - w.arousal) < 0.2);
    WORDS.forEach((word, i) => (this.words[i].hidden = under(word))); // a knob would cover it
  }

  #move(end, mood) {
    this.set({ ...this.ends, [end]: { valence: clamp(mood.valence), arousal: clamp(mood.arousal) } });
    this.onchange(this.ends);
  }

  #knob(end, label) {
    return el(
      "div",
      {
        class: `knob end ${end}`,
        role: "slider",
        tabindex: 0,
        "aria-label": label,
        "aria-valuemin": -1,
        "aria-valuemax": 1,
        "aria-roledescription": "two-way slider",
        "aria-describedby": "ends-hint",
        onkeydown: (event) => {
          const move = MOVES[event.key];
          if (!move) return;
          event.preventDefault();
          const { valence, arousal } = this.ends[end];
          this.#move(end, { valence: valence + move[0], arousal: arousal + move[1] });
        },
      },
      end.toUpperCase(),
    );
  }

  #pointer() {
    let held = null;
    const point = (event) => {
      const box = this.field.getBoundingClientRect();
      return {
        valence: (2 * (event.clientX - box.left)) / box.width - 1,
        arousal: 1 - (2 * (event.clientY - box.top)) / box.height,
      };
    };
    const away = (end, mood) =>
      Math.hypot(this.ends[end].valence - mood.valence, this.ends[end].arousal - mood.arousal);
    this.field.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      const mood = point(event);
      held = away("a", mood) <= away("b", mood) ? "a" : "b";
      this.field.setPointerCapture(event.pointerId);
      this.#move(held, mood);
      this.knobs[held].focus({ preventScroll: true });
      event.preventDefault();
    });
    this.field.addEventListener("pointermove", (event) => {
      if (held && this.field.hasPointerCapture(event.pointerId)) this.#move(held, point(event));
    });
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
