// Where to hear a song, and what its words say: the panel behind "More" of a song.
import { el } from "./dom.js";

const CLEAR = 0.35; // of four quadrants: a quarter each is none at all

const outward = (href, text, title) =>
  el(
    "a",
    { href, rel: "noopener noreferrer", target: "_blank" },
    text,
    el("span", { class: "visually-hidden" }, `: ${title}, opens another site`),
  );

// Links come from the catalogue: only web addresses become links.
const given = (song) =>
  Object.entries(song.links ?? {})
    .filter(([, href]) => /^https?:\/\//i.test(href))
    .map(([place, href]) => outward(href, place, song.title));

function searches(song) {
  const words = encodeURIComponent(`${song.artist} ${song.title}`);
  const brainz = encodeURIComponent(`"${song.title}" AND artist:"${song.artist}"`);
  return [
    outward(`https://open.spotify.com/search/${words}`, "Spotify", song.title),
    outward(`https://www.youtube.com/results?search_query=${words}`, "YouTube", song.title),
    outward(
      `https://musicbrainz.org/search?query=${brainz}&type=recording&method=advanced`,
      "MusicBrainz",
      song.title,
    ),
  ];
}

/** Lines of links: where the catalogue says it is, and searches elsewhere. */
export function hear(song) {
  const links = given(song);
  return [
    links.length ? el("p", { class: "links" }, el("span", {}, "Listen on"), ...links) : null,
    el("p", { class: "links" }, el("span", {}, "Search on"), ...searches(song)),
  ];
}

function saying({ quadrants, lines }) {
  if (!quadrants) return [el("p", {}, "Neither its words nor its tags tell a mood.")];
  const [first, second] = Object.entries(quadrants)
    .sort(([, a], [, b]) => b - a)
    .map(([word, share]) => `${word} (${Math.round(share * 100)}%)`);
  const clear = Math.max(...Object.values(quadrants)) >= CLEAR;
  return [
    el("p", {}, `What its words say: ${clear ? "" : "no clear mood, "}most likely ${first}, else ${second}.`),
    lines.length ? el("ul", { class: "lines" }, ...lines.map(({ line }) => el("li", {}, line))) : null,
  ];
}

/** What the words of a song say; `open()` reads it once, when somebody looks. */
export function words(song, read) {
  const node = el("div", { class: "said", "aria-live": "polite" });
  let asked = false;
  const open = async () => {
    if (asked) return;
    asked = true;
    try {
      node.replaceChildren(...saying(await read(song.id)).filter(Boolean));
    } catch {
      asked = false;
      node.textContent = "What its words say cannot be read right now.";
    }
  };
  return { node, open };
}
