// What the service keeps about a listener: to read, to take along, to take back, to erase.
import { emotions, erase, exported, forgetEmotions, history, mutedArtists, songOf, unmute } from "./api.js";
import { byId, el, keep, toast } from "./dom.js";
import { listener, named, onListener } from "./listener.js";
import { explain } from "./problems.js";
import { clearTrouble, showTrouble } from "./trouble.js";
import { currentView, onView } from "./views.js";

const PAGE = 8;
const DID = {
  play: "Played",
  complete: "Heard to the end",
  skip: "Skipped",
  like: "Liked",
  dislike: "Never again",
  save: "Saved",
};

const songs = new Map();
const day = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
const when = (at) => el("time", { datetime: at }, day.format(new Date(at)));
const empty = (text) => el("p", { class: "hint" }, text);
let turn = 0;

/** The song behind an id; one that has left the catalogue keeps its id as a name. */
function titled(id) {
  if (!songs.has(id))
    songs.set(
      id,
      songOf(id).catch(() => ({ title: id, artist: "" })),
    );
  return songs.get(id);
}

async function rows(items) {
  const known = await Promise.all(items.map((item) => titled(item.song)));
  return items.map((item, i) =>
    el(
      "li",
      {},
      el("span", { class: "did" }, DID[item.event] ?? item.event, item.count > 1 && ` ${item.count} times`),
      el(
        "span",
        { class: "what" },
        known[i].title,
        known[i].artist && el("span", { class: "about" }, known[i].artist),
      ),
      when(item.at),
    ),
  );
}

async function drawHistory(user, mine) {
  const host = byId("history");
  const list = el("ul", { class: "events" });
  const more = el("button", { type: "button", class: "plain", hidden: true }, "Earlier");
  let cursor = null;
  const page = async () => {
    const answer = await history(user, cursor, PAGE);
    const fresh = await rows(answer.items);
    if (mine !== turn) return;
    list.append(...fresh);
    cursor = answer.next_cursor;
    more.hidden = !cursor;
    host.replaceChildren(...(list.children.length ? [list, more] : [empty("Nothing yet.")]));
  };
  more.addEventListener("click", () => page().catch((error) => toast(explain(error).title)));
  await page();
}

async function drawMuted(user, mine) {
  const { items } = await mutedArtists(user);
  if (mine !== turn) return;
  const row = ({ artist }) => {
    const node = el(
      "li",
      {},
      el("span", { class: "what" }, artist),
      el(
        "button",
        { type: "button", class: "act", onclick: () => allow(user, artist, node) },
        "Allow again",
        el("span", { class: "visually-hidden" }, `: ${artist}`),
      ),
    );
    return node;
  };
  byId("muted").replaceChildren(
    items.length
      ? el("ul", { class: "events" }, ...items.map(row))
      : empty("None. “Less of this artist” is behind “More” of every song."),
  );
}

async function allow(user, artist, node) {
  try {
    await unmute(user, artist);
  } catch (error) {
    return toast(`${explain(error).title}. ${artist} is still left out.`);
  }
  node.remove();
  return toast(`${artist} may come again`);
}

async function drawEmotions(user, mine) {
  const { items = [] } = await emotions(user);
  if (mine !== turn) return;
  const none = "None is kept. A mood is used for its answer and dropped.";
  const source = { selfie: "apparent expression", stated: "you said so" };
  const row = ({ label, source: from, at }) =>
    el(
      "li",
      {},
      el("span", { class: "what" }, label, el("span", { class: "about" }, source[from] ?? from)),
      when(at),
    );
  const forget = async () => {
    try {
      await forgetEmotions(user);
      await drawEmotions(user, turn);
      toast("The remembered moods are erased.");
    } catch (error) {
      toast(`${explain(error).title}. They are still kept.`);
    }
  };
  byId("emotions").replaceChildren(
    ...(items.length
      ? [
          el("ul", { class: "events" }, ...items.slice(0, 20).map(row)),
          el("button", { type: "button", class: "plain", onclick: forget }, "Forget these"),
        ]
      : [empty(none)]),
  );
}

async function load() {
  const user = named();
  const mine = (turn += 1);
  clearTrouble();
  const parts = { history: drawHistory, muted: drawMuted, emotions: drawEmotions };
  if (!user) {
    for (const id of Object.keys(parts)) byId(id).replaceChildren(empty("Say who is listening, above."));
    return;
  }
  const failures = await Promise.all(
    Object.entries(parts).map(([id, draw]) =>
      draw(user, mine).catch((error) => {
        if (mine === turn) byId(id).replaceChildren(empty(`${explain(error).title}.`));
        return error;
      }),
    ),
  );
  if (mine !== turn) return;
  const grave = failures.find((error) => error && error.code !== "not_found");
  if (grave) showTrouble(grave, load);
  else byId("data-status").textContent = `What is kept about ${user} is shown.`;
}

async function takeAlong() {
  const user = listener();
  if (!user) return;
  try {
    const all = await exported(user);
    keep(new Blob([JSON.stringify(all, null, 2)], { type: "application/json" }), "attune-my-data.json");
    toast("Saved as attune-my-data.json");
  } catch (error) {
    showTrouble(error, takeAlong);
  }
}

// --- erasing ------------------------------------------------------------------------------

const dialog = byId("sure");

function askToErase() {
  const user = listener();
  if (!user) return;
  byId("sure-text").textContent =
    `Everything kept about ${user} goes: what you did with songs, muted artists, journeys, and keys that belong to you. Nobody can bring it back.`;
  dialog.showModal();
  byId("sure-no").focus();
}

async function eraseAll() {
  dialog.close();
  const user = named();
  clearTrouble();
  try {
    await erase(user);
  } catch (error) {
    return showTrouble(error, error.code === "unknown_user" ? null : eraseAll);
  }
  await load();
  byId("data-title").focus({ preventScroll: true });
  return toast(`Everything about ${user} is erased.`);
}

/** Tell the version of the notice that an answer came with. */
export function tellNotice(answer) {
  const { notice_url: url, notice_version: version } = answer;
  if (!url) return;
  byId("notice").replaceChildren(
    el("a", { href: url }, version ? `Privacy notice, version ${version}` : "Privacy notice"),
  );
}

export function openMyData() {
  byId("notice").append(el("a", { href: "privacy" }, "Privacy notice"));
  byId("export").addEventListener("click", takeAlong);
  byId("erase").addEventListener("click", askToErase);
  byId("sure-no").addEventListener("click", () => dialog.close());
  byId("sure-yes").addEventListener("click", eraseAll);
  byId("remember").checked = false; // some browsers restore a ticked box on reload
  onView("data", load);
  onListener(() => currentView() === "data" && load());
}
