// A pad to state a mood: drag or tap anywhere, choose a word, or move the knob with the arrow keys.
import { el } from "./dom.js";
import { WORDS, describe, moodColour } from "./moods.js";
import { axes } from "./plane.js";

const STEP = 0.1;
/** What each key adds to valence and arousal. */
export const MOVES = {
  ArrowLeft: [-STEP, 0],
  ArrowRight: [STEP, 0],
  ArrowUp: [0, STEP],
  ArrowDown: [0, -STEP],
  PageUp: [0, 3 * STEP],
  PageDown: [0, -3 * STEP],
};

/** A coordinate inside the plane, two decimals. */
export const clamp = (x) => Math.round(100 * Math.max(-1, Math.min(1, x))) / 100;

export class MoodPad {
  /**
   * @param {HTMLElement} host - receives the pad.
   * @param {{name: string, onchange?: (mood) => void}} options - `name` tells two pads' radios apart.
   */
  constructor(host, { name, onchange = () => {} }) {
    this.onchange = onchange;
    this.mood = { valence: 0, arousal: 0 };
    this.knob = el("div", {
      class: "knob",
      role: "slider",
      tabindex: 0,
      "aria-label": "Mood",
      "aria-valuemin": -1,
      "aria-valuemax": 1,
      "aria-roledescription": "two-way slider",
      "aria-describedby": `${name}-hint`,
      onkeydown: (event) => this.#key(event),
    });
    this.across = el("span", { class: "needle across" });
    this.upright = el("span", { class: "needle upright" });
    this.words = WORDS.map((word) => this.#word(word, name));
    this.field = el(
      "div",
      { class: "plane-field" },
      ...axes(),
      this.across,
      this.upright,
      el("div", { class: "words", role: "radiogroup", "aria-label": "Mood words" }, ...this.words),
      this.knob,
    );
    this.readout = el("p", { class: "readout" });
    host.replaceChildren(
      this.field,
      this.readout,
      el(
        "p",
        { class: "hint", id: `${name}-hint` },
        "Tap a word or any place between. With the keyboard, use the arrow keys.",
      ),
    );
    this.#pointer();
    this.set(this.mood);
  }

  /** Move the knob; does not call `onchange`. */
  set(mood) {
    this.mood = { valence: clamp(mood.valence), arousal: clamp(mood.arousal) };
    const left = `${50 + 50 * this.mood.valence}%`;
    const top = `${50 - 50 * this.mood.arousal}%`;
    Object.assign(this.knob.style, { left, top });
    this.upright.style.left = left;
    this.across.style.top = top;
    this.knob.style.setProperty("--dot", moodColour(this.mood));
    const text = describe(this.mood);
    this.readout.textContent = text;
    this.knob.setAttribute("aria-valuenow", this.mood.valence);
    this.knob.setAttribute("aria-valuetext", text);
    WORDS.forEach((word, i) => {
      this.words[i].firstChild.checked =
        word.valence === this.mood.valence && word.arousal === this.mood.arousal;
    });
  }

  #choose(mood) {
    this.set(mood);
    this.onchange(this.mood);
  }

  #word(word, name) {
    const radio = el("input", {
      type: "radio",
      name: `${name}-word`,
      value: word.word,
      onchange: () => this.#choose(word),
    });
    const label = el("label", { class: "word" }, radio, el("span", {}, word.word));
    label.style.left = `${50 + 50 * word.valence}%`;
    label.style.top = `${50 - 50 * word.arousal}%`;
    return label;
  }

  #key(event) {
    if (event.key === "Home") this.#choose({ valence: 0, arousal: 0 });
    else if (MOVES[event.key]) {
      const [dv, da] = MOVES[event.key];
      this.#choose({ valence: this.mood.valence + dv, arousal: this.mood.arousal + da });
    } else return;
    event.preventDefault();
  }

  #pointer() {
    const at = (event) => {
      const box = this.field.getBoundingClientRect();
      this.#choose({
        valence: (2 * (event.clientX - box.left)) / box.width - 1,
        arousal: 1 - (2 * (event.clientY - box.top)) / box.height,
      });
    };
    this.field.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.target.closest(".word")) return;
      this.field.setPointerCapture(event.pointerId);
      at(event);
      this.knob.focus({ preventScroll: true });
      event.preventDefault();
    });
    this.field.addEventListener("pointermove", (event) => {
      if (this.field.hasPointerCapture(event.pointerId)) at(event);
    });
  }
}
