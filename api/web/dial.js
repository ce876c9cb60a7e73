// The tuning dial of the header: decoration that follows the mood (the text says the same below).
import { STATIONS, dialPlace, isKnown } from "./moods.js";

const dial = document.getElementById("dial");
const needle = document.createElement("span");

export function drawDial() {
  for (const { word, place } of STATIONS) {
    const label = document.createElement("span");
    label.className = "station";
    label.textContent = word;
    label.style.left = `${100 * place}%`;
    dial.append(label);
  }
  needle.className = "dial-needle";
  dial.append(needle);
  tune(null);
}

/** Move the needle to a mood; without one it rests at the dial's left end, dimmed. */
export function tune(mood) {
  const known = isKnown(mood) && Math.hypot(mood.valence, mood.arousal) > 0.1; // the middle has no direction
  needle.classList.toggle("resting", !known);
  needle.style.left = `${known ? 100 * dialPlace(mood) : 1.5}%`;
}
