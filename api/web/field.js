// The square of the mood plane: where a mood lies in it, what stands around it, a knob that moves on it.
import { el } from "./dom.js";
import { describe, moodColour } from "./moods.js";

const REACH = 0.92; // of half the side is a mood of 1 from the middle: a knob at the edge stays whole
const STEP = 0.1;
const MOVES = {
  ArrowLeft: [-STEP, 0],
  ArrowRight: [STEP, 0],
  ArrowUp: [0, STEP],
  ArrowDown: [0, -STEP],
  PageUp: [0, 3 * STEP],
  PageDown: [0, -3 * STEP],
};

/** Side of the drawings, in their own units. */
export const SIDE = 320;

/** Where a mood lies in a drawing, [x, y]. */
export const at = (mood) => [
  (SIDE / 2) * (1 + REACH * mood.valence),
  (SIDE / 2) * (1 - REACH * mood.arousal),
];

/** Put an element of a field where a mood lies. */
export const put = (node, mood) =>
  Object.assign(node.style, {
    left: `${50 + 50 * REACH * mood.valence}%`,
    top: `${50 - 50 * REACH * mood.arousal}%`,
  });

export const distance = (a, b) => Math.hypot(a.valence - b.valence, a.arousal - b.arousal);

const clamp = (x) => Math.round(100 * Math.max(-1, Math.min(1, x))) / 100;

/** A mood inside the plane, two decimals. */
export const bounded = ({ valence, arousal }) => ({ valence: clamp(valence), arousal: clamp(arousal) });

/** The four words around a plane. */
export const axes = () => [
  el("span", { class: "axis top" }, "more energy"),
  el("span", { class: "axis bottom" }, "less energy"),
  el("span", { class: "axis left" }, "unpleasant"),
  el("span", { class: "axis right" }, "pleasant"),
];

/** A knob on a field: a slider that the arrow keys move both ways. */
export class Knob {
  /**
   * @param {{name: string, hint: string, mark?: string, look?: string, onmove: (mood) => void}} options -
   *   what it is called, the id of the text that tells how to move it, the letter on it, its class, and
   *   what is told of a key's move; the knob itself goes only where `set` puts it.
   */
  constructor({ name, hint, mark = "", look = "", onmove }) {
    this.onmove = onmove;
    this.node = el(
      "div",
      {
        class: `knob ${look}`.trim(),
        role: "slider",
        tabindex: 0,
        "aria-label": name,
        "aria-valuemin": -1,
        "aria-valuemax": 1,
        "aria-roledescription": "two-way slider",
        "aria-describedby": hint,
        onkeydown: (event) => this.#key(event),
      },
      mark,
    );
  }

  set(mood) {
    this.mood = mood;
    put(this.node, mood);
    this.node.style.setProperty("--dot", moodColour(mood));
    this.node.setAttribute("aria-valuenow", mood.valence);
    this.node.setAttribute("aria-valuetext", describe(mood));
  }

  focus() {
    this.node.focus({ preventScroll: true });
  }

  #key(event) {
    const [right, up] = MOVES[event.key] ?? [];
    if (event.key === "Home") this.onmove({ valence: 0, arousal: 0 });
    else if (MOVES[event.key])
      this.onmove(bounded({ valence: this.mood.valence + right, arousal: this.mood.arousal + up }));
    else return;
    event.preventDefault();
  }
}

/** The mood under a pointer. */
function pointed(event, field) {
  const box = field.getBoundingClientRect();
  return bounded({
    valence: ((2 * (event.clientX - box.left)) / box.width - 1) / REACH,
    arousal: (1 - (2 * (event.clientY - box.top)) / box.height) / REACH,
  });
}

/**
 * Let a pointer press and drag on a field.
 * @param {HTMLElement} field
 * @param {(event, mood) => Knob|null} hold - the knob that a press takes hold of, if any.
 */
export function draggable(field, hold) {
  let knob = null;
  field.addEventListener("pointerdown", (event) => {
    const mood = pointed(event, field);
    knob = event.button === 0 ? hold(event, mood) : null;
    if (!knob) return;
    field.setPointerCapture(event.pointerId);
    knob.onmove(mood);
    knob.focus();
    event.preventDefault();
  });
  field.addEventListener("pointermove", (event) => {
    if (knob && field.hasPointerCapture(event.pointerId)) knob.onmove(pointed(event, field));
  });
}
