// What was read from the picture or what the listener said, and the way to correct it.
import { el, svg } from "./dom.js";
import { EMOTIONS, describe, isKnown, moodColour, nearestWord, region, wordAt } from "./moods.js";
import { MoodPad } from "./moodpad.js";

const NAMES = {
  angry: "angry",
  disgust: "disgusted",
  fear: "afraid",
  happy: "happy",
  sad: "sad",
  surprise: "surprised",
  neutral: "neutral",
};
const percent = (p) => (p > 0 && p < 0.005 ? "<1%" : `${Math.round(100 * p)}%`);
const name = (label) => NAMES[label] ?? label;

function bar(label, probability, top) {
  const fill = el("span", { class: "bar-fill" });
  fill.style.width = `${100 * probability}%`;
  return el(
    "tr",
    { class: top ? "top" : null },
    el("th", { scope: "row" }, name(label)),
    el("td", { class: "bar", "aria-hidden": true }, fill),
    el("td", { class: "share" }, percent(probability)),
  );
}

function chart(emotion) {
  const ranked = EMOTIONS.map((label) => [label, emotion.probabilities[label] ?? 0]).sort(
    (a, b) => b[1] - a[1],
  );
  return el(
    "table",
    { class: "chart" },
    el("caption", {}, "Probability of each apparent expression"),
    el(
      "thead",
      { class: "visually-hidden" },
      el(
        "tr",
        {},
        el("th", { scope: "col" }, "Expression"),
        el("td", { "aria-hidden": true }),
        el("th", { scope: "col" }, "Probability"),
      ),
    ),
    el("tbody", {}, ...ranked.map(([label, p], i) => bar(label, p, i === 0))),
  );
}

// The picture with a frame around the face that was read: "which face was used?"
function portrait(emotion, still) {
  if (!still?.width) return null;
  const box = emotion.box;
  const others = emotion.faces > 1 ? `The largest of ${emotion.faces} faces was read (framed).` : null;
  return el(
    "figure",
    { class: "portrait" },
    el(
      "div",
      { class: "portrait-frame" },
      el("img", {
        src: still.url,
        width: still.width,
        height: still.height,
        alt: "The picture that was read",
      }),
      box &&
        svg(
          "svg",
          { viewBox: `0 0 ${still.width} ${still.height}`, "aria-hidden": true },
          svg("rect", { x: box.x, y: box.y, width: box.width, height: box.height, rx: box.width / 12 }),
        ),
    ),
    others && el("figcaption", {}, others),
  );
}

// How sure, in words: the network's confidence is calibrated, so it may be said plainly.
const sureness = (p) => (p >= 0.8 ? "fairly sure" : p >= 0.6 ? "rather sure" : "only half sure");

function verdict(emotion, frames) {
  const averaged = frames > 1 ? ` Averaged over ${frames} frames of one moment.` : "";
  const [first, second] = Object.entries(emotion.probabilities).sort((a, b) => b[1] - a[1]);
  const head = el("p", { class: "over" }, "Apparent expression");
  if (emotion.uncertain)
    return [
      head,
      el("p", { class: "verdict" }, "Uncertain"),
      el(
        "p",
        {},
        `It could be read as ${name(first[0])} (${percent(first[1])}) or ${name(second[0])} (${percent(second[1])}), so it counts for little in this list.${averaged}`,
      ),
    ];
  return [
    head,
    el("p", { class: "verdict" }, el("strong", {}, name(emotion.label))),
    el(
      "p",
      {},
      `The reading is ${sureness(emotion.confidence)} (${percent(emotion.confidence)}). A face shows only part of a mood.${averaged}`,
    ),
  ];
}

function stated(mood) {
  const swatch = el("span", { class: "swatch", "aria-hidden": true });
  swatch.style.setProperty("--dot", moodColour(mood));
  const said = wordAt(mood) ? "You said " : "You said near ";
  return [
    el("p", { class: "verdict" }, swatch, said, el("strong", {}, nearestWord(mood))),
    el("p", {}, `That is ${region(mood)}. Your own word counts in full and beats any picture.`),
  ];
}

function worded(words, mood, off) {
  const told = off
    ? "Mood is off: these songs follow your words and your taste."
    : isKnown(mood)
      ? `Read as ${describe(mood)}.`
      : "These songs follow your words and your taste.";
  return [el("p", { class: "verdict" }, "You asked for ", el("strong", {}, `“${words}”`)), el("p", {}, told)];
}

function correction(mood, label, { onmood, onnone }) {
  const host = el("div", { class: "pad" });
  const panel = el("div", { class: "correction", id: "correction", hidden: true }, host);
  const opener = el(
    "button",
    { type: "button", class: "plain", "aria-expanded": "false", "aria-controls": "correction" },
    label,
  );
  let pad;
  opener.addEventListener("click", () => {
    panel.hidden = !panel.hidden;
    opener.setAttribute("aria-expanded", String(!panel.hidden));
    if (panel.hidden) return;
    pad ??= new MoodPad(host, { name: "correct" });
    if (isKnown(mood)) pad.set(mood);
    pad.focus();
  });
  panel.append(
    el(
      "div",
      { class: "row" },
      el(
        "button",
        { type: "button", class: "primary", onclick: () => onmood(pad.mood) },
        "This is how I feel",
      ),
      el("button", { type: "button", class: "plain", onclick: onnone }, "Leave mood out"),
    ),
  );
  return [opener, panel];
}

const fromHere = (mood, onjourney) =>
  isKnown(mood) &&
  el(
    "button",
    { type: "button", class: "link-button", onclick: () => onjourney(mood) },
    "Start a journey from here",
  );

function notice(answer) {
  if (!answer.notice_url) return null;
  const version = answer.notice_version ? `, version ${answer.notice_version}` : "";
  return el(
    "p",
    { class: "hint" },
    "Read once, with your consent, and not stored. ",
    el("a", { href: answer.notice_url }, `Privacy notice${version}`),
  );
}

/**
 * Draw the card.
 * @param {HTMLElement} host
 * @param {object} answer - of /recommend.
 * @param {{still: object|null, frames: number, words: string|undefined}} given - {url, width, height} of
 *   the picture, while this tab holds it, and of how many frames; the words that were asked with.
 * @param {object} hooks - `onmood(mood)`: the listener states another mood; `onnone()`: leaves it out;
 *   `onjourney(mood)`: wants to go on from there.
 */
export function drawReading(host, answer, { still, frames, words }, hooks) {
  const { emotion, mood } = answer;
  const looked = emotion?.source === "selfie";
  const said = !looked && !words && isKnown(mood) && emotion?.source !== "none";
  const title = looked ? "What the picture shows" : words ? "Your words" : "Your mood";
  const off = mood?.strategy === "off";
  const aside = off
    ? "These songs follow your taste alone. Choose another strategy above to let a mood count."
    : "These songs follow your taste alone.";
  const body = looked
    ? [
        el("div", { class: "looked" }, portrait(emotion, still), el("div", {}, ...verdict(emotion, frames))),
        chart(emotion),
        off && el("p", {}, aside),
      ]
    : words
      ? worded(words, mood, off)
      : said
        ? stated(mood)
        : [el("p", { class: "verdict" }, "Mood left out"), el("p", {}, aside)];
  const label = looked ? "Not how I feel?" : said ? "Change my mood" : "Tell my mood";
  host.replaceChildren(
    ...[
      el("h3", { id: "reading-title" }, title),
      ...body,
      ...(off ? [] : correction(mood, label, hooks)),
      fromHere(mood, hooks.onjourney),
      looked && notice(answer),
    ].filter(Boolean),
  );
}
