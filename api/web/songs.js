// The list of songs: what each is, why it is here, and what one may do with it.
import { calmMotion, el, svg } from "./dom.js";
import { hear, words } from "./hear.js";
import { isKnown, moodColour, nearestWord } from "./moods.js";

const ICONS = {
  like: "M12 20.5C5.5 15.7 3 12.4 3 8.9A4.9 4.9 0 0 1 12 6.2 4.9 4.9 0 0 1 21 8.9C21 12.4 18.5 15.7 12 20.5Z",
  save: "M6.5 3.500H17.500V20.500L12 16.200 6.500 20.500Z",
  skip: "M5 5.5 14 12 5 18.500ZM18 5.500V18.500",
};

const icon = (name) =>
  svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": true }, svg("path", { d: ICONS[name] }));

export const minutes = (seconds) =>
  `${Math.floor(Math.round(seconds) / 60)}:${String(Math.round(seconds) % 60).padStart(2, "0")}`;

export const howMany = (songs) => `${songs.length} ${songs.length === 1 ? "song" : "songs"}`;

/** Album, year, length, and whether it is explicit, as far as they are known. */
export function about(song) {
  const album = [song.album, song.year].filter(Boolean).join(", ");
  const length = Number.isFinite(song.duration_s) ? minutes(song.duration_s) : null;
  return [album, length, song.explicit && "explicit"].filter(Boolean).join("\u00a0·\u00a0");
}

export function moodTag(mood) {
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

export function reasons(list) {
  if (!list?.length) return null;
  return el(
    "ul",
    { class: "reasons", "aria-label": "Why this song" },
    ...list.map(({ kind, text }) => el("li", { class: `reason ${/^[a-z]+$/.test(kind) ? kind : ""}` }, text)),
  );
}

const named = (song) => el("span", { class: "visually-hidden" }, ` ${song.title} by ${song.artist}`);

// Shown at once and taken back if the service did not take it; once it has, it stays.
function keeper(event, texts, song, send) {
  const text = el("span", {}, texts[0]);
  const button = el(
    "button",
    { type: "button", class: `act ${event}`, "aria-pressed": "false" },
    icon(event),
    text,
    named(song),
  );
  const set = (on) => {
    button.setAttribute("aria-pressed", String(on));
    text.textContent = texts[Number(on)];
  };
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-pressed") === "true") return;
    set(true);
    if (!(await send(event))) set(false);
  });
  return button;
}

function more(song, hooks, away) {
  const read = words(song, hooks.read);
  const panel = el(
    "div",
    { class: "more-panel", id: `more-${hooks.key}`, hidden: true },
    ...hear(song),
    read.node,
    el(
      "p",
      { class: "less" },
      el(
        "button",
        { type: "button", class: "link-button", onclick: () => hooks.mute() },
        `Less of ${song.artist}`,
      ),
      el(
        "button",
        { type: "button", class: "link-button", onclick: () => away("dislike") },
        "Never this song",
        named(song),
      ),
    ),
  );
  const opener = el(
    "button",
    { type: "button", class: "act more", "aria-expanded": "false", "aria-controls": panel.id },
    "More",
    el("span", { class: "visually-hidden" }, ` about ${song.title}`),
  );
  opener.addEventListener("click", () => {
    panel.hidden = !panel.hidden;
    opener.setAttribute("aria-expanded", String(!panel.hidden));
    if (!panel.hidden) read.open();
  });
  return [opener, panel];
}

/**
 * One row.
 * @param {object} item - of /recommend's items; `rank` is its place in the list on show.
 * @param {object} hooks - `send(event)` resolves to whether the service took it; `mute()`, `light(on)`,
 *   `read(song)`; `key` tells rows apart.
 */
function row(item, hooks) {
  const { song, rank } = item;
  const node = el("li", {
    class: "song",
    id: `song-${rank}`,
    tabindex: -1,
    "data-song": song.id,
    "data-artist": song.artist,
    onpointerenter: () => hooks.light(true),
    onpointerleave: () => hooks.light(false),
    onfocusin: () => hooks.light(true),
    onfocusout: () => hooks.light(false),
  });
  const away = async (event) => {
    const back = leave(node);
    if (await hooks.send(event)) node.remove();
    else back();
  };
  const [opener, panel] = more(song, hooks, away);
  node.append(
    el(
      "div",
      { class: "song-inner" },
      el("span", { class: "rank", "aria-hidden": true }, String(rank)),
      el(
        "div",
        { class: "song-body" },
        el("h3", {}, song.title),
        el("p", { class: "by" }, song.artist, about(song) && el("span", { class: "about" }, about(song))),
        reasons(item.reasons),
        el(
          "div",
          { class: "acts" },
          keeper("like", ["Like", "Liked"], song, hooks.send),
          keeper("save", ["Save", "Saved"], song, hooks.send),
          el(
            "button",
            { type: "button", class: "act skip", onclick: () => away("skip") },
            icon("skip"),
            el("span", {}, "Skip"),
            named(song),
          ),
          opener,
        ),
        panel,
      ),
      moodTag(song.mood),
    ),
  );
  return node;
}

/** Fold a row away and move the focus on; returns what brings it back. */
export function leave(node) {
  const next = beside(node, "nextElementSibling") ?? beside(node, "previousElementSibling");
  if (node.contains(document.activeElement))
    (next?.querySelector(".skip") ?? document.getElementById("result-title")).focus({ preventScroll: true });
  node.inert = true;
  node.classList.add("leaving");
  const gone = setTimeout(() => (node.hidden = true), calmMotion() ? 0 : 420);
  return () => {
    clearTimeout(gone);
    node.hidden = false;
    node.inert = false;
    node.classList.remove("leaving");
  };
}

function beside(node, way) {
  let other = node[way];
  while (other && (other.inert || other.hidden)) other = other[way];
  return other;
}

/** Add rows; `hooks(item)` gives each its hooks. */
export const addSongs = (host, items, hooks) => host.append(...items.map((item) => row(item, hooks(item))));

/** Grey rows that stand where the songs will be. */
export function drawWaiting(host) {
  const bar = (kind) => el("span", { class: `bone ${kind}` });
  host.replaceChildren(
    ...Array.from({ length: 6 }, () =>
      el(
        "li",
        { class: "song waiting", "aria-hidden": true },
        el(
          "div",
          { class: "song-inner" },
          el("span", { class: "rank" }),
          el("div", { class: "song-body" }, bar("title"), bar("by"), bar("why")),
        ),
      ),
    ),
  );
}
