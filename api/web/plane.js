// The mood plane of an answer: where you are, where the songs aim, and every song as a dot.
import { byId, el, svg } from "./dom.js";
import { SIDE, at, axes, distance } from "./field.js";
import { describe, isKnown, moodColour, region } from "./moods.js";

function dot(item, light) {
  const { song, rank } = item;
  const [cx, cy] = at(song.mood);
  const circle = svg("circle", { class: "dot", r: 6, cx, cy });
  circle.style.setProperty("--dot", moodColour(song.mood));
  const on = () => light(item, true);
  const off = () => light(item, false);
  return svg(
    "a",
    {
      href: `#song-${rank}`,
      class: "dot-link",
      "data-song": song.id,
      tabindex: -1,
      "aria-label": `${rank}. ${song.title} by ${song.artist}, ${describe(song.mood)}`,
      onpointerenter: on,
      onpointerleave: off,
      onfocus: on,
      onblur: off,
      onclick: (event) => {
        event.preventDefault();
        byId(`song-${rank}`)?.focus();
      },
    },
    svg("circle", { class: "dot-reach", r: 13, cx, cy }),
    circle,
  );
}

// One tab stop for all dots; the arrow keys walk through them in the order of the list.
function walk(links) {
  if (links[0]) links[0].setAttribute("tabindex", 0);
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  return (event) => {
    const here = links.indexOf(event.target);
    if (!step[event.key] || here < 0) return;
    event.preventDefault();
    const next = links[(here + step[event.key] + links.length) % links.length];
    links.forEach((link) => link.setAttribute("tabindex", link === next ? 0 : -1));
    next.focus();
  };
}

function marks(mood) {
  if (!isKnown(mood)) return [];
  const target = isKnown(mood.target) ? mood.target : mood;
  const apart = distance(target, mood) > 0.08;
  const [[x, y], [cx, cy]] = [at(mood), at(target)];
  return [
    svg("path", { class: "aim-line", d: `M0 ${cy}H${SIDE}M${cx} 0V${SIDE}` }),
    apart && svg("path", { class: "way-line", d: `M${x} ${y}L${cx} ${cy}` }),
    svg("circle", { class: "you", r: 11, cx: x, cy: y }),
    apart && svg("circle", { class: "aim", r: 5, cx, cy }),
  ];
}

function told({ mood, emotion }) {
  if (!isKnown(mood)) return "No mood was used for this list. The dots are its songs.";
  const target = isKnown(mood.target) ? mood.target : mood;
  const ring = emotion?.source === "selfie" ? "where the picture points" : "the mood you told";
  return `The ring is ${ring} (${region(mood)}). The songs aim at the crossing lines (${region(target)}).`;
}

/** Draw the plane into `host`; `light(item, on)` is called while a dot is pointed at or focused. */
export function drawPlane(host, answer, light) {
  const placed = answer.items.filter((item) => isKnown(item.song.mood));
  const links = placed.map((item) => dot(item, light));
  const spot = svg("circle", { class: "spot", r: 9, "aria-hidden": true });
  const label = svg("text", { class: "dot-label", "aria-hidden": true });
  const picture = svg(
    "svg",
    {
      viewBox: `0 0 ${SIDE} ${SIDE}`,
      class: "plane",
      role: "group",
      "aria-label": "Songs in the mood plane; left to right from unpleasant to pleasant, upwards more energy",
      onkeydown: walk(links),
    },
    ...marks(answer.mood),
    ...links,
    spot,
    label,
  );
  host.replaceChildren(
    el("h3", { id: "plane-title" }, "Where the songs are"),
    el("div", { class: "plane-field still" }, ...axes(), picture),
    el("p", { class: "hint" }, told(answer)),
  );
}

/**
 * Light up (or dim) the dot of a song and show its name beside it. What lies in front is drawn anew: a dot
 * that was moved to the front would lose the focus.
 */
export function lightDot(host, item, on) {
  const link = host.querySelector(`[data-song="${CSS.escape(item.song.id)}"]`);
  const label = host.querySelector(".dot-label");
  const spot = host.querySelector(".spot");
  if (!link || !label) return;
  link.classList.toggle("lit", on);
  spot.classList.toggle("on", on);
  const [x, y] = at(item.song.mood);
  spot.setAttribute("cx", x);
  spot.setAttribute("cy", y);
  spot.style.setProperty("--dot", moodColour(item.song.mood));
  label.textContent = on ? `${item.rank}  ${shorten(item.song.title)}` : "";
  const right = item.song.mood.valence > 0;
  label.setAttribute("x", x + (right ? -14 : 14));
  label.setAttribute("y", y + 5);
  label.setAttribute("text-anchor", right ? "end" : "start");
}

const shorten = (title) => (title.length > 18 ? `${title.slice(0, 17)}…` : title);
