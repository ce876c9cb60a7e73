// The list of songs: what each is, why it is here, where to hear it, and Like and Skip.
import { calmMotion, el, svg } from "./dom.js";
import { isKnown, moodColour, nearestWord } from "./moods.js";

const HEART =
  "M12 20.5C5.5 15.7 3 12.4 3 8.9A4.9 4.9 0 0 1 12 6.2 4.9 4.9 0 0 1 21 8.9C21 12.4 18.5 15.7 12 20.5Z";
const AHEAD = "M5 5.5 14 12 5 18.500ZM18 5.500V18.500";

const icon = (path) =>
  svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": true }, svg("path", { d: path }));

const minutes = (seconds) =>
  `${Math.floor(seconds / 60)}:${String(Math.round(seconds) % 60).padStart(2, "0")}`;

function about(song) {
  const album = [song.album, song.year].filter(Boolean).join(", ");
  const length = Number.isFinite(song.duration_s) ? minutes(song.duration_s) : null;
  return [album, length].filter(Boolean).join("  ·  ");
}

function moodTag(mood) {
  if (!isKnown(mood)) return null;
  const swatch = el("span", { class: "swatch", "aria-hidden": true });
  swatch.style.setProperty("--dot", moodColour(mood));
  return el(
    "p",
    { class: "song-mood" },
    swatch,
    el("span", { class: "visually-hidden" }, "Mood: "),
    nearestWord(mood),
  );
}

const outward = (href, text) => el("a", { href, rel: "noopener noreferrer", target: "_blank" }, text);

// Links come from the catalogue: only web addresses become links.
const given = (links) =>
  Object.entries(links ?? {})
    .filter(([, href]) => /^https?:\/\//i.test(href))
    .map(([place, href]) => outward(href, place));

function searches(song) {
  const words = encodeURIComponent(`${song.artist} ${song.title}`);
  const brainz = encodeURIComponent(`"${song.title}" AND artist:"${song.artist}"`);
  return [
    outward(`https://www.youtube.com/results?search_query=${words}`, "YouTube"),
    outward(`https://open.spotify.com/search/${words}`, "Spotify"),
    outward(`https://musicbrainz.org/search?query=${brainz}&type=recording&method=advanced`, "MusicBrainz"),
  ];
}

function reasons(list) {
  if (!list?.length) return null;
  return el(
    "ul",
    { class: "reasons", "aria-label": "Why this song" },
    ...list.map(({ kind, text }) => el("li", { class: `reason ${/^[a-z]+$/.test(kind) ? kind : ""}` }, text)),
  );
}

function hear(song, act) {
  const links = given(song.links);
  const search = el(
    "details",
    { class: "hear" },
    el("summary", {}, "Find it", el("span", { class: "visually-hidden" }, `: ${song.title}`)),
    el("p", { class: "links" }, el("span", {}, "Search on"), ...searches(song)),
    el(
      "button",
      { type: "button", class: "quiet", onclick: () => act("dislike") },
      "Never show me this song",
    ),
  );
  return [links.length ? el("p", { class: "links" }, el("span", {}, "Listen on"), ...links) : null, search];
}

function saying({ quadrants, lines }) {
  if (!quadrants) return [el("p", {}, "Neither words nor tags tell its mood.")];
  const [first, second] = Object.entries(quadrants)
    .sort(([, a], [, b]) => b - a)
    .map(([word, share]) => `${word} (${Math.round(share * 100)} %)`);
  return [
    el("p", {}, `Most likely ${first}, else ${second}.`),
    lines.length ? el("ul", { class: "lines" }, ...lines.map(({ line }) => el("li", {}, line))) : null,
  ];
}

// Read when it is opened, and only then.
function words(song, read) {
  const said = el("div", { class: "said", "aria-live": "polite" });
  const box = el(
    "details",
    { class: "hear" },
    el("summary", {}, "What its words say", el("span", { class: "visually-hidden" }, `: ${song.title}`)),
    said,
  );
  let asked = false;
  box.addEventListener("toggle", async () => {
    if (!box.open || asked) return;
    asked = true;
    try {
      said.replaceChildren(...saying(await read(song.id)).filter(Boolean));
    } catch {
      asked = false;
      said.textContent = "This cannot be read right now.";
    }
  });
  return box;
}

/**
 * One row.
 * @param {object} item - of /recommend's items.
 * @param {{onfeedback: (event: string) => Promise<boolean>, onlight: (on: boolean) => void,
 *   read: (song: string) => Promise<object>}} hooks
 */
function row(item, { onfeedback, onlight, read }) {
  const { song, rank } = item;
  const named = el("span", { class: "visually-hidden" }, ` ${song.title} by ${song.artist}`);
  const heart = el("span", {}, "Like");
  const like = el(
    "button",
    { type: "button", class: "act like", "aria-pressed": "false" },
    icon(HEART),
    heart,
    named,
  );
  const skip = el(
    "button",
    { type: "button", class: "act skip" },
    icon(AHEAD),
    el("span", {}, "Skip"),
    named.cloneNode(true),
  );
  const node = el("li", {
    class: "song",
    id: `song-${rank}`,
    tabindex: -1,
    "data-song": song.id,
    onpointerenter: () => onlight(true),
    onpointerleave: () => onlight(false),
    onfocusin: () => onlight(true),
    onfocusout: () => onlight(false),
  });
  like.addEventListener("click", async () => {
    if (like.getAttribute("aria-pressed") === "true" || !(await once(like, () => onfeedback("like")))) return;
    like.setAttribute("aria-pressed", "true");
    heart.textContent = "Liked";
  });
  const away = async (event, button) => {
    if (await once(button, () => onfeedback(event))) leave(node);
  };
  skip.addEventListener("click", () => away("skip", skip));
  const body = el(
    "div",
    { class: "song-inner" },
    el("span", { class: "rank", "aria-hidden": true }, String(rank)),
    el(
      "div",
      { class: "song-body" },
      el("h3", {}, song.title),
      el("p", { class: "by" }, song.artist, about(song) && el("span", { class: "about" }, about(song))),
      reasons(item.reasons),
      words(song, read),
      ...hear(song, (event) => away(event, skip)),
    ),
    moodTag(song.mood),
    el("div", { class: "acts" }, like, skip),
  );
  node.append(body);
  return node;
}

// A button that is at work does not start again.
async function once(button, work) {
  if (button.getAttribute("aria-busy") === "true") return false;
  button.setAttribute("aria-busy", "true");
  try {
    return await work();
  } finally {
    button.removeAttribute("aria-busy");
  }
}

function leave(node) {
  const next = node.nextElementSibling ?? node.previousElementSibling;
  const hadFocus = node.contains(document.activeElement);
  const gone = () => node.remove();
  node.inert = true;
  node.classList.add("leaving");
  if (hadFocus)
    (next?.querySelector(".skip") ?? document.getElementById("result-title")).focus({ preventScroll: true });
  if (calmMotion()) gone();
  else setTimeout(gone, 420);
}

/**
 * Draw all rows. `onfeedback(item, event)` resolves to true when the event was recorded, `read(id)` to
 * what a song's words say.
 */
export function drawSongs(host, items, onfeedback, onlight, read) {
  host.replaceChildren(
    ...items.map((item) =>
      row(item, {
        onfeedback: (event) => onfeedback(item, event),
        onlight: (on) => onlight(item, on),
        read,
      }),
    ),
  );
}

/** Grey rows that stand where the songs will be. */
export function drawWaiting(host) {
  host.replaceChildren(
    ...Array.from({ length: 5 }, () =>
      el(
        "li",
        { class: "song waiting", "aria-hidden": true },
        el(
          "div",
          { class: "song-inner" },
          el("span", { class: "rank" }),
          el(
            "div",
            { class: "song-body" },
            el("span", { class: "line" }),
            el("span", { class: "line short" }),
          ),
        ),
      ),
    ),
  );
}
