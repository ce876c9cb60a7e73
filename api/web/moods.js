// The mood plane (valence, arousal; each -1..1): its words, its colours, its place on the dial.

export const EMOTIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"];

/** Words a listener may choose, roughly where Russell's circumplex (1980) puts them. */
export const WORDS = [
  ["angry", -0.55, 0.8],
  ["afraid", -0.66, 0.42],
  ["excited", 0.55, 0.8],
  ["happy", 0.68, 0.42],
  ["neutral", 0, 0],
  ["sad", -0.66, -0.35],
  ["content", 0.6, -0.26],
  ["tired", -0.42, -0.68],
  ["calm", 0.5, -0.65],
].map(([word, valence, arousal]) => ({ word, valence, arousal }));

/** The word nearest to a point. */
export function nearestWord(mood) {
  const distance = (w) => Math.hypot(w.valence - mood.valence, w.arousal - mood.arousal);
  return WORDS.reduce((best, w) => (distance(w) < distance(best) ? w : best)).word;
}

/** Where a point is, without naming an emotion: "pleasant, low energy". */
export function region(mood) {
  const grade = (x, low, high) => (x < -0.2 ? low : x > 0.2 ? high : null);
  const parts = [
    grade(mood.valence, "unpleasant", "pleasant"),
    grade(mood.arousal, "low energy", "high energy"),
  ];
  return parts.filter(Boolean).join(", ") || "in the middle";
}

/** Plain words for a point: "calm: pleasant, low energy". */
export const describe = (mood) => `${nearestWord(mood)}: ${region(mood)}`;

/** The word that lies exactly at a point, if one does. */
export const wordAt = (mood) =>
  WORDS.find((w) => Math.abs(w.valence - mood.valence) < 0.006 && Math.abs(w.arousal - mood.arousal) < 0.006);

// One colour per corner, chosen for 3:1 against the light page; the dark page lightens them.
const CORNERS = { tense: [184, 49, 74], bright: [186, 112, 10], low: [74, 91, 176], calm: [26, 132, 110] };
const MIDDLE = [106, 116, 110];

/** Colour of a point of the plane: the four corners blended, greyer towards the middle. */
export function moodColour(mood) {
  const side = (z) => Math.max(0, Math.min(1, 0.5 + 0.85 * z)); // pure colours well before the corners
  const [x, y] = [side(mood.valence), side(mood.arousal)];
  const strength = Math.min(1, 2 * Math.hypot(mood.valence, mood.arousal));
  const blend = (i) =>
    y * (x * CORNERS.bright[i] + (1 - x) * CORNERS.tense[i]) +
    (1 - y) * (x * CORNERS.calm[i] + (1 - x) * CORNERS.low[i]);
  const part = (i) => Math.round(strength * blend(i) + (1 - strength) * MIDDLE[i]);
  return `rgb(${part(0)} ${part(1)} ${part(2)})`;
}

export const isKnown = (mood) =>
  mood != null && Number.isFinite(mood.valence) && Number.isFinite(mood.arousal);

/** Place on the dial, 0..1: the angle of the mood, from low and sad through calm and bright to tense. */
export function dialPlace(mood) {
  const turn = Math.atan2(mood.arousal, mood.valence) / (2 * Math.PI) + 0.5;
  return (turn + 0.02) % 1; // the ends meet on the unpleasant side; the shift keeps "afraid" off the edge
}

export const STATIONS = [
  ["sad", -0.72, -0.35],
  ["weary", -0.55, -0.65],
  ["tired", -0.2, -0.8],
  ["calm", 0.5, -0.65],
  ["content", 0.72, -0.22],
  ["happy", 0.75, 0.35],
  ["excited", 0.5, 0.8],
  ["restless", -0.12, 0.8],
  ["angry", -0.55, 0.8],
  ["afraid", -0.72, 0.42],
].map(([word, valence, arousal]) => ({ word, place: dialPlace({ valence, arousal }) }));
