// What a listener does with the songs of a list: sent at once, shown at once, taken back if it failed.
import { Problem, feedback, mute, newKey, unmute } from "./api.js";
import { byId, el, toast } from "./dom.js";
import { explain } from "./problems.js";
import { leave } from "./songs.js";

const DONE = { like: "Liked", save: "Saved", skip: "Skipped", dislike: "Never again" };

// One key per intent: a double tap, or trying again after a failure, counts once.
const keys = new Map();
const underway = new Set();

function keyOf(...parts) {
  const intent = JSON.stringify(parts);
  if (!keys.has(intent)) keys.set(intent, newKey());
  return keys.get(intent);
}

/** Send one event; true when the service has it. */
export async function record(list, item, event) {
  const key = keyOf(list.user, item.song.id, event);
  if (underway.has(key)) return false;
  underway.add(key);
  try {
    await feedback(list.user, item.song.id, event, key);
  } catch (error) {
    told(error, `“${item.song.title}” stays as it was`);
    return false;
  } finally {
    underway.delete(key);
  }
  list.answered.add(item.song.id);
  toast(`${DONE[event]}: ${item.song.title}`);
  list.changed();
  return true;
}

/** "Less of this artist": its rows fold into one line that can take it back. */
export async function muteArtist(list, artist) {
  const rows = [...byId("songs").querySelectorAll(`[data-artist="${CSS.escape(artist)}"]`)].filter(
    (r) => !r.inert,
  );
  const undo = el("button", { type: "button", class: "link-button" }, "Undo");
  const note = el(
    "li",
    { class: "muted-note" },
    el("p", {}, `Less of ${artist}: its songs stay out of your lists. `, undo),
  );
  rows[0]?.before(note);
  const backs = rows.map((row) => leave(row));
  undo.focus({ preventScroll: true });
  const restore = () => {
    note.remove();
    backs.forEach((back) => back());
    rows[0]?.focus({ preventScroll: true });
  };
  undo.addEventListener("click", () => takeBack(list, artist, restore, undo));
  try {
    await mute(list.user, artist);
  } catch (error) {
    told(error, `${artist} stays in your lists`);
    restore();
    return;
  }
  list.muted.add(artist);
  list.changed();
  toast(`Less of ${artist}`);
}

async function takeBack(list, artist, restore, undo) {
  if (undo.getAttribute("aria-busy")) return;
  undo.setAttribute("aria-busy", "true");
  try {
    await unmute(list.user, artist);
  } catch (error) {
    undo.removeAttribute("aria-busy");
    told(error, `${artist} is still left out`);
    return;
  }
  list.muted.delete(artist);
  restore();
  list.changed();
  toast(`${artist} may come again`);
}

function told(error, outcome) {
  toast(`${explain(error instanceof Problem ? error : new Problem("internal")).title}. ${outcome}.`);
}
