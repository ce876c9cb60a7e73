// A pad to state a mood: drag or tap anywhere, choose a word, or move the knob with the arrow keys.
import { el } from "./dom.js";
import { Knob, axes, bounded, draggable, put } from "./field.js";
import { WORDS, describe, wordAt } from "./moods.js";

export class MoodPad {
  /**
   * @param {HTMLElement} host - receives the pad.
   * @param {{name: string, onchange?: (mood) => void}} options - `name` tells two pads' radios apart.
   */
  constructor(host, { name, onchange = () => {} }) {
    this.onchange = onchange;
    const hint = `${name}-hint`;
    this.knob = new Knob({ name: "Mood", hint, onmove: (mood) => this.#choose(mood) });
    this.across = el("span", { class: "needle across" });
    this.upright = el("span", { class: "needle upright" });
    this.words = WORDS.map((word) => this.#word(word, name));
    this.readout = el("p", { class: "readout" });
    const field = el(
      "div",
      { class: "plane-field" },
      ...axes(),
      this.across,
      this.upright,
      el("div", { class: "words", role: "radiogroup", "aria-label": "Mood words" }, ...this.words),
      this.knob.node,
    );
    host.replaceChildren(
      field,
      this.readout,
      el(
        "p",
        { class: "hint", id: hint },
        "Tap a word or any place between. With the keyboard, use the arrow keys.",
      ),
    );
    draggable(field, (event) => (event.target.closest(".word") ? null : this.knob));
    this.set({ valence: 0, arousal: 0 });
  }

  /** Move the knob; does not call `onchange`. */
  set(mood) {
    this.mood = bounded(mood);
    this.knob.set(this.mood);
    this.upright.style.left = this.knob.node.style.left;
    this.across.style.top = this.knob.node.style.top;
    this.readout.textContent = describe(this.mood);
    const chosen = wordAt(this.mood);
    WORDS.forEach((word, i) => (this.words[i].firstChild.checked = word === chosen));
  }

  focus() {
    this.knob.focus();
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
    put(label, word);
    return label;
  }
}
